"""What must be true after every bad day."""

import sqlite3
import time

from openai import AuthenticationError

from tests.chaos.traffic import Caller
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually


def requests_counted(installation: Installation, project_id: str, *, since: float | None = None) -> int:
    """What the control plane bills: of two hours before and after now, or from `since` on, by the minute."""
    buckets = installation.admin().admin.organization.usage.completions(
        start_time=int(time.time() - 7200 if since is None else since),
        end_time=int(time.time()) + 7200,
        bucket_width="1m",
        project_ids=[project_id],
        limit=1440,
    )
    return sum(getattr(result, "num_model_requests", 0) for bucket in buckets.data for result in bucket.results)


def asked_of_engine(installation: Installation, code: str) -> list[str]:
    """The questions that reached a region's engine."""
    with installation.engine(code) as engine:
        return [request["body"]["messages"][-1]["content"] for request in engine.get("/requests").json()]


def nothing_answered_outside_its_region(installation: Installation) -> None:
    """Each question carries its region's code."""
    for region in installation.regions:
        strangers = [text for text in asked_of_engine(installation, region.code) if not text.startswith(region.code)]
        assert strangers == [], f"asked in {region.code}"


def every_answer_is_counted_once(installation: Installation, caller: Caller, *, lost_at_most: int = 0) -> None:
    """Usage arrives, and never more than was answered or broke off after it had begun."""
    least = caller.answered - lost_at_most
    eventually(
        lambda: requests_counted(installation, caller.key.project_id) >= least,
        within_s=60,
        what=f"{least} requests of {caller.region} are counted",
    )
    most = caller.answered + sum(caller.excused.values())
    assert requests_counted(installation, caller.key.project_id) <= most


def keys_are_what_was_acknowledged(installation: Installation, live: IssuedKey, revoked: IssuedKey, code: str) -> None:
    """Every acknowledged key works and every revoked one does not."""

    def refused() -> bool:
        try:
            installation.client(code, revoked.secret).models.list()
        except AuthenticationError as error:
            return error.code == "invalid_api_key"
        return False

    eventually_let_in(installation, live, code)
    eventually(refused, what="the revoked key does not")


def eventually_let_in(installation: Installation, key: IssuedKey, code: str) -> None:
    """A key works in its region."""
    eventually(lambda: installation.client(code, key.secret).models.list().data, what="the key works")


def the_audit_log_is_complete(installation: Installation, issued: list[IssuedKey]) -> None:
    """Each key that somebody was given has its event."""
    logged = {
        event.id
        for event in installation.admin().admin.organization.audit_logs.list(limit=100, event_types=["api_key.created"])
    }
    assert len(logged) >= len(issued)


def gaps_reported(installation: Installation) -> int:
    """Metering gaps that regions have told of."""
    events = installation.operator("GET", "/operator/v1/audit_logs?limit=100")["data"]
    return sum(event["type"] == "region.metering_gap" for event in events)


def lock_for_writing(file: str) -> sqlite3.Connection:
    """Holds a SQLite database's write lock until the connection is closed: a database that is gone for a while."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection
