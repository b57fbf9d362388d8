"""Scale Tier through real processes: sold over the operator API, used and reported with the official clients (contract C19)."""

import time

import pytest
from openai import BadRequestError, RateLimitError
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.conftest import RunningUp
from tests.platform.processes import eventually

pytestmark = pytest.mark.contract("C19", "C27")

MODEL = "gpt-4o-mini-2024-07-18"
TALK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say one word."}]


@pytest.mark.parametrize("code", ["us", "eu"])
def test_an_entitlement_is_sold_used_and_ended(up: RunningUp, code: str) -> None:
    key = up.new_key(code)
    chat = up.client(code, key.secret).chat.completions
    with pytest.raises(BadRequestError) as refused:
        chat.create(model=MODEL, messages=TALK, max_tokens=4, service_tier="scale")
    assert refused.value.param == "service_tier"
    sale = {"project_id": key.project_id, "model": MODEL, "input_units": 1, "output_units": 1}
    answer = up.operator("POST", "/operator/v1/entitlements", sale | {"ends_at": int(time.time()) + 86_400})
    assert answer.status_code == 200, answer.text
    sold = answer.json()
    assert sold["output_tokens_per_minute"] == 50_000

    def used(tier: str) -> bool:
        return chat.create(model=MODEL, messages=TALK, max_tokens=4, service_tier="auto").service_tier == tier

    eventually(lambda: used("scale"), within_s=20, what="the region knows the entitlement")
    assert chat.create(model=MODEL, messages=TALK, max_tokens=4, service_tier="scale").service_tier == "scale"
    assert chat.create(model=MODEL, messages=TALK, max_tokens=4, service_tier="default").service_tier == "default"
    chunks = list(chat.create(model=MODEL, messages=TALK, max_tokens=4, service_tier="scale", stream=True))
    assert {chunk.service_tier for chunk in chunks} == {"scale"}
    with chat.create(model=MODEL, messages=TALK, service_tier="scale", n=8, stream=True) as holding:
        next(iter(holding))
        with pytest.raises(RateLimitError) as full:
            for _ in range(3):
                chat.create(model=MODEL, messages=TALK, service_tier="scale", n=8)
        assert "Scale Tier entitlement used up" in str(full.value)
    settings = up.admin().admin.organization.projects.service_tier_settings
    assert settings.update(key.project_id, default="standard").default == "standard"
    eventually(lambda: used("default"), within_s=20, what="the project's default has arrived")
    assert settings.update(key.project_id, default="scale").default == "scale"
    ended = up.operator("DELETE", f"/operator/v1/entitlements/{sold['id']}").json()
    assert ended["status"] == "ended"
    eventually(lambda: used("default"), within_s=20, what="the entitlement has ended in the region")
