"""What `up` runs: the laptop's configuration, an operator's own, and the file that is made of either."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.apps.local.laptop import COMMENTS, HEAD, UNSUPPORTED_BY_EMBEDDED_CHAT, laptop_document
from domicile.apps.local.layout import Layout, LayoutError
from domicile.apps.local.placement import check, overridden, place, region_codes
from domicile.apps.local.ports import PortError, free_port, public_ports
from domicile.apps.local.processes import Programs, process_table
from domicile.apps.local.toml_text import to_toml
from domicile.catalogue.catalogue import load_catalogue
from domicile.settings.installation import BatchSettings, Installation
from domicile.settings.load import SettingsError, load_installation
from domicile_engines.endpoints.chat_completions.endpoint import read_chat
from tests.unit.domicile_engines.asking import read, refused

PORTS = {"control": 8700, "us": 8701, "eu": 8702}
SNAPSHOTS = [
    "o3-mini-2025-01-31",
    "o1-2024-12-17",
    "o1-mini-2024-09-12",
    "o1-preview",
    "gpt-4o-2024-11-20",
    "gpt-4o-2024-08-06",
    "gpt-4o-mini-2024-07-18",
    "gpt-4-turbo-2024-04-09",
    "gpt-4-0613",
    "gpt-3.5-turbo-0125",
]

scalars = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents = st.recursive(
    st.dictionaries(keys, st.one_of(scalars, st.lists(scalars, max_size=4)), max_size=4),
    lambda inner: st.dictionaries(keys, st.one_of(scalars, inner, st.lists(inner, min_size=1, max_size=3)), max_size=4),
    max_leaves=12,
)


def laptop(layout: Layout, **changes: Any) -> tuple[dict[str, Any], Installation]:
    document = laptop_document(load_catalogue()) | changes
    placed = place(document, layout.configuration, layout, PORTS, 15000, agreement=None)
    return placed, check(placed, layout.configuration, layout)


@given(documents)
def test_what_is_written_reads_the_same(document: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(document, head="Some\n\nwords", comments={"a": "one\ntwo"})) == document


def test_the_written_file_is_what_the_processes_read(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    placed, installation = laptop(layout)
    layout.configuration.write_text(to_toml(placed, head=HEAD, comments=COMMENTS))
    assert load_installation(layout.configuration) == installation


@pytest.mark.contract("C20")
@pytest.mark.parametrize("code", ["us", "eu"])
def test_every_chat_snapshot_of_the_contract_can_be_tried_in_both_regions(tmp_path: Path, code: str) -> None:
    _, installation = laptop(Layout(tmp_path))
    (engine,) = (engine for engine in installation.region(code).engines if engine.name == "embedded-chat")
    names = [*SNAPSHOTS, "gpt-3.5-turbo-instruct", "smollm2-135m-instruct"]
    assert engine.models == dict.fromkeys(names, "smollm2-135m-instruct")


@pytest.mark.contract("C01")
def test_only_europe_requires_the_agreements(tmp_path: Path) -> None:
    _, installation = laptop(Layout(tmp_path))
    assert installation.region("us").requires == frozenset()
    assert installation.region("eu").requires == {"enterprise", "zdr"}
    assert not installation.region("eu").allows_storing


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("logit_bias", {"1": 1}),
        ("modalities", ["text", "audio"]),
        ("prediction", {"type": "content", "content": "x"}),
        ("reasoning_effort", "low"),
        ("verbosity", "low"),
    ],
)
async def test_what_is_declared_unsupported_is_what_the_engine_refuses(parameter: str, value: object) -> None:
    assert parameter in UNSUPPORTED_BY_EMBEDDED_CHAT
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], parameter: value}
    assert (await refused(read_chat, body)).param == parameter
    del body[parameter]
    await read(read_chat, body)


def test_everything_of_a_plane_lies_under_its_folder(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    _, installation = laptop(layout)
    control = installation.control
    for path in (control.data, control.operator.key_file, control.first_organization.admin_key_file):
        assert path is not None
        assert path.is_relative_to(tmp_path / "control")
    for region in installation.regions:
        assert region.data == tmp_path / region.code
        assert region.public_host == f"127.0.0.1:{PORTS[region.code]}"


def test_an_operators_file_decides_what_runs_and_up_decides_where(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    document = laptop_document(load_catalogue())
    document["catalogue_file"] = "rows.toml"
    document["control"] |= {"data": "/elsewhere", "first_organization": {"agreement": False}}
    document["regions"][0] |= {"listen": {"port": 1}, "public_url": "https://us.example.com"}
    document["regions"][0]["batches"] = {"in_region": False, "lines_at_once": 3}
    document["regions"][0]["engines"].append(
        {"name": "own", "label": "own", "country": "US", "operator": "me", "socket": "own.sock", "models": {"a": "b"}}
    )
    file = tmp_path / "own" / "domicile.toml"
    placed = place(document, file, layout, PORTS, 15000, agreement=None)
    installation = check(placed, file, layout)
    assert installation.catalogue_file == tmp_path / "own" / "rows.toml"
    assert installation.control.data == tmp_path / "data" / "control"
    assert not installation.control.first_organization.agreement
    assert installation.region("us").public_url == "http://127.0.0.1:8701"
    assert installation.region("us").engines[-1].socket == tmp_path / "own" / "own.sock"
    assert installation.region("us").batches == BatchSettings(in_region=True, lines_at_once=3)
    assert overridden(document) == ["batches.in_region", "data", "listen", "public_url"]
    assert document["control"]["data"] == "/elsewhere", "the document itself is left alone"


def test_a_path_of_the_operators_file_stays_beside_that_file(tmp_path: Path) -> None:
    layout, file = Layout(tmp_path / "data"), tmp_path / "own" / "domicile.toml"
    document = laptop_document(load_catalogue())
    url = "postgresql+asyncpg://domicile@db.example.com/us"
    document["regions"][0]["database"] = {"url": url, "country": "US", "password_file": "password"}
    placed = place(document, file, layout, PORTS, 15000, agreement=None)
    assert check(placed, file, layout).region("us").database.password_file == tmp_path / "own" / "password"


def test_an_old_name_in_the_operators_file_is_refused_in_the_name_of_that_file(tmp_path: Path) -> None:
    layout, file = Layout(tmp_path / "data"), tmp_path / "own.toml"
    document = laptop_document(load_catalogue())
    document["control"]["boundary_url"] = "http://127.0.0.1:1"
    with pytest.raises(SettingsError) as refused:
        check(place(document, file, layout, PORTS, 15000, agreement=None), file, layout)
    assert str(refused.value) == f"{file}: control.boundary_url: boundary_url is now url in [control.boundary]"


@pytest.mark.parametrize("block", ["boundary", "operator", "first_organization"])
def test_what_should_be_a_block_and_is_none_is_refused(tmp_path: Path, block: str) -> None:
    layout = Layout(tmp_path)
    document = laptop_document(load_catalogue())
    document["control"][block] = "x"
    with pytest.raises(SettingsError, match=rf"control\.{block}: Input should be a valid dictionary"):
        check(place(document, tmp_path / "f", layout, PORTS, 15000, agreement=None), tmp_path / "f", layout)


@pytest.mark.parametrize(("agreement", "expected"), [(None, True), (False, False)])
def test_the_agreement_of_the_first_organization(tmp_path: Path, agreement: bool | None, expected: bool) -> None:
    layout = Layout(tmp_path)
    placed = place(laptop_document(load_catalogue()), tmp_path / "f", layout, PORTS, 15000, agreement=agreement)
    assert check(placed, tmp_path / "f", layout).control.first_organization.agreement is expected


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"regions": []},
        {"regions": "us"},
        {"regions": [{"code": "US"}]},
        {"regions": [{}]},
        {"regions": [{"code": "../x"}]},
        {"regions": [{"code": "control"}]},
    ],
)
def test_a_file_without_usable_regions_is_refused_by_name(document: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"own\.toml: regions: "):
        region_codes(document, Path("own.toml"))


def test_problems_are_told_of_the_operators_file(tmp_path: Path) -> None:
    layout, file = Layout(tmp_path / "data"), tmp_path / "own.toml"
    document = laptop_document(load_catalogue()) | {"misspelt": 1}
    with pytest.raises(SettingsError) as refused:
        check(place(document, file, layout, PORTS, 15000, agreement=None), file, layout)
    assert str(refused.value) == f"{file}: misspelt: Extra inputs are not permitted"


def test_all_embedded_engines_of_a_region_are_one_process_on_one_socket(tmp_path: Path) -> None:
    layout = Layout(Path("/d"))
    document = laptop_document(load_catalogue())
    first = document["regions"][0]["engines"][0]
    document["regions"][0]["engines"] = [first, first | {"name": "second", "models": {"another": "another"}}]
    installation = check(place(document, tmp_path / "f", layout, PORTS, 15000, agreement=None), tmp_path / "f", layout)
    table = process_table(installation, layout, Programs(), "info")
    assert {str(engine.socket) for engine in installation.region("us").engines} == {"/d/us/engine.sock"}
    assert [str(plan.ready.socket) for plan in table.engines] == ["/d/us/engine.sock", "/d/eu/engine.sock"]
    assert all("--follow-parent" in plan.command for plan in (table.control, *table.regions.values(), *table.engines))


def test_a_vision_model_of_the_operators_own_is_handed_to_its_regions_process(tmp_path: Path) -> None:
    layout, file = Layout(tmp_path / "data"), tmp_path / "own" / "domicile.toml"
    document = laptop_document(load_catalogue())
    vision = {
        "name": "eyes",
        "vision_model": "m.gguf",
        "vision_mmproj": "p.gguf",
        "models": {"gpt-4o-2024-08-06": "vision"},
    }
    chat = document["regions"][1]["engines"][0]
    del chat["models"]["gpt-4o-2024-08-06"]
    document["regions"][1]["engines"].append(chat | vision)
    placed = place(document, file, layout, PORTS, 15000, agreement=None)
    us, eu = process_table(check(placed, file, layout), layout, Programs(), "info").engines
    options = ("--vision-model", f"{tmp_path}/own/m.gguf", "--vision-mmproj", f"{tmp_path}/own/p.gguf")
    assert options[0] not in us.command
    assert " ".join(options) in " ".join(eu.command)


def test_ports_follow_the_base_in_the_order_of_the_configuration() -> None:
    assert public_ports(8700, ["us", "eu", "jp"]) == {"control": 8700, "us": 8701, "eu": 8702, "jp": 8703}


@pytest.mark.parametrize("base", [0, -1, 65534, 70000])
def test_a_port_base_without_room_for_all_is_refused(base: int) -> None:
    with pytest.raises(PortError, match="between 1 and 65533"):
        public_ports(base, ["us", "eu"])


def test_a_port_of_its_own_choice_is_none_that_outgoing_connections_get() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < free_port(set()) < first for _ in range(20))


def test_somebody_elses_folder_in_the_place_of_the_socket_folder_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path / ("long" * 20))
    socket = layout.socket("us")
    assert not socket.is_relative_to(layout.root)
    socket.parent.mkdir(mode=0o755)
    try:
        with pytest.raises(LayoutError, match="open to others"):
            layout.make_socket_folder(socket)
        socket.parent.chmod(0o700)
        layout.make_socket_folder(socket)
    finally:
        layout.remove_socket_folder()
    assert not socket.parent.exists()
