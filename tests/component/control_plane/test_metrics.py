"""The control plane's metrics: for the operator alone, in Prometheus' own grammar, and nothing of anybody's content."""

from prometheus_client.parser import text_string_to_metric_families

from domicile.kernel.secret_files import write_secret
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def samples(platform: Platform) -> Samples:
    text = await platform.text("/metrics", key=platform.operator_key)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@SHARED_LOOP
async def test_only_the_operator_sees_them(shared: Platform) -> None:
    for key, status in ((shared.admin_key, 403), ("opk-" + "0" * 40, 401)):
        assert (await shared.ask("GET", "/metrics", key=key))[0] == status


@SHARED_LOOP
async def test_a_region_that_nobody_runs_is_seen_to_be_missing(shared: Platform) -> None:
    found = await samples(shared)
    for code in ("us", "eu"):
        region = (("region", code),)
        assert found["domicile_region_last_poll_age_seconds", region] == float("inf")
        assert found["domicile_region_replicas", region] == 0


@SHARED_LOOP
async def test_requests_are_counted_by_template_and_code(shared: Platform) -> None:
    def counted(found: Samples, route: str, status: str, code: str) -> float:
        labels = (("code", code), ("method", "GET"), ("route", route), ("status", status))
        return found.get(("domicile_http_requests_total", labels), 0)

    route = "/v1/organization/projects/{project_id}"
    before = await samples(shared)
    await shared.ask("GET", "/v1/organization/projects/proj_canary-in-the-path")
    await shared.ask("GET", "/v1/organization/projects?name=canary-in-the-query", key="sk-admin-canary")
    await shared.ask("GET", "/canary/nowhere")
    await shared.ask("GET", "/v1/organization/canary")
    after = await samples(shared)
    assert counted(after, route, "404", "not_found") - counted(before, route, "404", "not_found") == 1
    assert counted(after, "unknown", "404", "unknown_url") - counted(before, "unknown", "404", "unknown_url") == 1
    for status, code in (("401", "invalid_api_key"), ("404", "unknown_url")):
        name = ("domicile_http_heads_refused_total", (("code", code), ("status", status)))
        assert after[name] - before.get(name, 0) == 1
    assert "canary" not in await shared.text("/metrics", key=shared.operator_key)


async def test_the_operators_key_is_replaced_without_a_restart(platform: Platform) -> None:
    old, new = platform.operator_key, "opk-" + "N" * 40
    file = platform.folder / "operator.key"
    for content, opens in ((f"{old}\n{new}\n", {old, new}), (f"{new}\n", {new})):
        write_secret(file, content.encode())
        for key in (old, new):
            status, _ = await platform.ask("GET", "/operator/v1/organization", key=key)
            assert status == (200 if key in opens else 401)
