"""A third region is a block of configuration (C17); where a request runs is where its engine was asked (C05, C08)."""

from collections.abc import Iterator

import pytest
from openai import AuthenticationError

from tests.platform.installation import Installation, RegionBlock
from tests.platform.processes import Process, eventually


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """At home in the third one: no region is special to the code."""
    running = Installation(tmp_path_factory.mktemp("three"), home=("jp", "JP"))
    running.regions.append(RegionBlock("jp", '["JP"]', "JP", rows_of="us"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.mark.contract("C05")
@pytest.mark.contract("C08")
@pytest.mark.contract("C17")
def test_each_region_asks_its_own_engine_and_no_other(three: Installation) -> None:
    codes = [region.code for region in three.regions]
    assert codes == ["us", "eu", "jp"]
    for code in codes:
        client = three.client(code, three.new_key(code).secret)
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o-2024-08-06", messages=[{"role": "user", "content": f"only in {code}"}]
        )
        assert raw.headers["domicile-engine"] == f"stub-engine-{code}"
    for code in codes:
        with three.engine(code) as engine:
            asked = [request["body"]["messages"][0]["content"] for request in engine.get("/requests").json()]
        assert asked == [f"only in {code}"]


@pytest.mark.contract("C12")
@pytest.mark.contract("C17")
def test_every_other_region_names_the_right_host(three: Installation) -> None:
    for home in three.regions:
        key = three.new_key(home.code).secret
        for other in three.regions:
            if other is home:
                continue
            with pytest.raises(AuthenticationError) as caught:
                three.client(other.code, key).models.list()
            assert caught.value.code == "incorrect_hostname"
            assert caught.value.message.endswith(f"127.0.0.1:{home.port}")


@pytest.mark.contract("C08")
def test_an_engine_outside_the_regions_countries_stops_the_start(
    three: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("outside")
    wrong = Installation(folder)
    wrong.regions[1].engine_country = "GB"
    wrong.configure()
    process = Process(
        "domicile.apps.region", "--config", str(wrong.config), "--region", "eu", log=folder / "region.log"
    ).start()
    eventually(lambda: not process.is_running, what="the region refuses to start")
    assert process.stop() != 0
    assert "stands in GB" in process.log.read_text()
