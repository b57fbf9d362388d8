"""Rate limits through the official clients and the running processes: an admin lowers one, and the region refuses beyond it."""

import openai

from tests.e2e.conftest import RunningUp
from tests.platform.processes import eventually

MODEL = "text-embedding-3-small"


def test_a_project_reaches_the_limit_that_its_admin_has_set(up: RunningUp) -> None:
    key = up.new_key("eu")
    limits = up.admin().admin.organization.projects.rate_limits
    (shown,) = [each for each in limits.list_rate_limits(key.project_id) if each.model == MODEL]
    changed = limits.update_rate_limit(shown.id, project_id=key.project_id, max_requests_per_1_minute=2)
    assert (changed.id, changed.max_requests_per_1_minute) == (shown.id, 2)
    client = up.client("eu", key.secret)

    def refusal() -> openai.RateLimitError | None:
        try:
            client.embeddings.create(model=MODEL, input="x")
        except openai.RateLimitError as error:
            return error
        return None

    refused = eventually(refusal, within_s=60, what="the region knows the limit, and it is reached")
    assert refused is not None
    assert refused.code == "rate_limit_exceeded"
    assert "requests per min (RPM): Limit 2," in refused.message
    headers = refused.response.headers
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "0")
    assert int(headers["retry-after-ms"]) > 0
    # Another model, and the same one in another project, go on.
    other = up.new_key("eu")
    assert up.client("eu", other.secret).embeddings.create(model=MODEL, input="x").data
    assert client.models.list().data
