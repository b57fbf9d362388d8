"""Who asks: every row of the design's table for keys (design 4.1 and 7, contract C12 and C14)."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NoReturn

import pytest

from domicile.boundary.snapshot import KeyRecord, Shard
from domicile.data_plane.http.auth import Authenticator, check_network
from domicile.data_plane.http.middleware import CALLER, head_gate
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.kernel.errors import Category, DomicileError
from tests.unit.data_plane.region_parts import (
    INSTALLATION,
    KEY_ID,
    NOW_MS,
    ORGANIZATION,
    PROJECT,
    SetClock,
    current_snapshot,
    key_record,
    new_key,
    no_blocks,
    organization_record,
    project_record,
)

Headers = list[tuple[bytes, bytes]]


class Region:
    """An authenticator with one key in its snapshot."""

    def __init__(self, secret: str | None = None, **key_members: object) -> None:
        self.secret = secret or new_key()
        self.clock = SetClock()
        key = key_record(self.secret, **key_members)
        self.snapshots = current_snapshot(Shard("eu", 0, (organization_record(),), (project_record(),), (key,)))
        self.authenticator = Authenticator("eu", INSTALLATION, self.snapshots, self.clock, no_blocks())

    def refusal(self, headers: Headers) -> DomicileError:
        with pytest.raises(DomicileError) as caught:
            self.authenticator.authenticate(headers)
        return caught.value


@pytest.mark.parametrize(
    ("networks", "address", "is_let_in"),
    [
        ((), None, True),
        ((), "192.0.2.1", True),
        (("192.0.2.0/24",), "192.0.2.1", True),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8::1", True),
        (("192.0.2.0/24",), "192.0.3.1", False),
        (("192.0.2.0/24",), "2001:db8::1", False),
        # Nobody knows it, so it is on no list.
        (("0.0.0.0/0",), None, False),
    ],
)
def test_the_networks_of_a_project(networks: tuple[str, ...], address: str | None, is_let_in: bool) -> None:
    caller = Caller(organization_record(), project_record(networks=networks), KEY_ID, "eu")
    client = None if address is None else ip_address(address)
    if is_let_in:
        check_network(caller, client)
        return
    with pytest.raises(DomicileError) as refused:
        check_network(caller, client)
    assert (refused.value.category, refused.value.code) == (Category.UNAUTHENTICATED, "ip_not_authorized")


def bearer(secret: str) -> Headers:
    return [(b"authorization", b"Bearer " + secret.encode("latin-1"))]


def api_key(secret: str) -> Headers:
    return [(b"api-key", secret.encode("latin-1"))]


def assert_invalid(error: DomicileError, shown: str) -> None:
    assert (error.category, error.code) == (Category.UNAUTHENTICATED, "invalid_api_key")
    assert f"provided: ...{shown}. " in error.message


@pytest.fixture
def region() -> Region:
    return Region()


class TestAuthenticate:
    def test_a_key_of_the_snapshot_is_its_projects_caller(self, region: Region) -> None:
        caller = region.authenticator.authenticate(bearer(region.secret))
        assert (caller.organization.organization_id, caller.project.project_id) == (ORGANIZATION, PROJECT)
        assert (caller.key_id, caller.region) == (KEY_ID, "eu")

    @pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer  "])
    def test_the_scheme_is_read_generously(self, region: Region, scheme: str) -> None:
        headers = [(b"authorization", scheme.encode() + region.secret.encode() + b" ")]
        assert region.authenticator.authenticate(headers).key_id == KEY_ID

    @pytest.mark.parametrize("value", [None, b"", b"Bearer", b"Bearer ", b"Basic dXNlcjpwYXNz", b"Token x"])
    def test_no_key(self, region: Region, value: bytes | None) -> None:
        error = region.refusal([] if value is None else [(b"authorization", value)])
        assert (error.category, error.code) == (Category.UNAUTHENTICATED, "invalid_api_key")
        assert "didn't provide" in error.message

    def test_the_header_of_azures_clients_holds_a_key_too(self, region: Region) -> None:
        assert region.authenticator.authenticate(api_key(region.secret)).key_id == KEY_ID
        assert_invalid(region.refusal(api_key(region.secret[:-1])), region.secret[-5:-1])
        assert region.refusal(api_key(new_key("us"))).code == "incorrect_hostname"
        assert "didn't provide" in region.refusal(api_key("")).message

    def test_the_same_key_twice_is_one_key(self, region: Region) -> None:
        for headers in (bearer(region.secret) * 2, bearer(region.secret) + api_key(region.secret)):
            assert region.authenticator.authenticate(headers).key_id == KEY_ID

    @pytest.mark.parametrize("realm", ["eu", "us"])
    def test_two_different_keys_are_none(self, region: Region, realm: str) -> None:
        other = new_key(realm)
        for headers in (
            bearer(region.secret) + bearer(other),
            bearer(region.secret) + api_key(other),
            bearer(other) + api_key(region.secret),
            api_key(other) + api_key(region.secret),
        ):
            error = region.refusal(headers)
            assert (error.category, error.code) == (Category.UNAUTHENTICATED, "invalid_api_key")
            assert "different API keys" in error.message

    def test_a_key_beside_another_scheme_is_none(self, region: Region) -> None:
        error = region.refusal([(b"authorization", b"Basic dXNlcjpwYXNz"), *api_key(region.secret)])
        assert "didn't provide" in error.message

    def test_a_malformed_key_is_echoed_by_four_characters_at_most(self, region: Region) -> None:
        assert_invalid(region.refusal(bearer("sk-proj-abcdefghijklmnop")), "mnop")
        assert_invalid(region.refusal(bearer(region.secret + "x")), (region.secret + "x")[-4:])
        assert_invalid(region.refusal(bearer(region.secret[:-1])), region.secret[-5:-1])

    def test_of_a_short_secret_nothing_is_echoed(self, region: Region) -> None:
        assert_invalid(region.refusal(bearer("password1")), "")

    def test_bytes_that_are_no_text_are_a_malformed_key(self, region: Region) -> None:
        error = region.refusal([(b"authorization", b"Bearer \xff\xfe" + b"\x80" * 20)])
        assert error.code == "invalid_api_key"

    def test_a_wrong_checksum(self, region: Region) -> None:
        last = "a" if region.secret[-1] != "a" else "b"
        assert_invalid(region.refusal(bearer(region.secret[:-1] + last)), region.secret[-4:-1] + last)

    def test_a_key_of_another_installation(self, region: Region) -> None:
        other = new_key(installation="inst_" + "X" * 24)
        assert_invalid(region.refusal(bearer(other)), other[-4:])

    def test_an_unknown_key(self, region: Region) -> None:
        unknown = new_key()
        assert_invalid(region.refusal(bearer(unknown)), unknown[-4:])

    def test_an_admin_key_is_no_projects_key(self, region: Region) -> None:
        admin = new_key("admin")
        assert_invalid(region.refusal(bearer(admin)), admin[-4:])

    def test_a_key_ends_at_its_time_and_not_before(self) -> None:
        region = Region(expires_at_ms=NOW_MS + 1)
        assert region.authenticator.authenticate(bearer(region.secret)).key_id == KEY_ID
        region.clock.ms = NOW_MS + 1
        assert_invalid(region.refusal(bearer(region.secret)), region.secret[-4:])

    def test_a_key_whose_project_or_organization_is_absent(self, region: Region) -> None:
        key = key_record(region.secret)
        for shard in (
            Shard("eu", 0, (organization_record(),), (), (key,)),
            Shard("eu", 0, (), (project_record(),), (key,)),
        ):
            table = current_snapshot(shard).table
            assert table is not None
            region.snapshots.swap(table)
            assert_invalid(region.refusal(bearer(region.secret)), region.secret[-4:])

    def test_another_regions_key_is_told_the_host_last(self, region: Region) -> None:
        error = region.refusal(bearer(new_key("us")))
        assert (error.category, error.code) == (Category.UNAUTHENTICATED, "incorrect_hostname")
        assert error.message.endswith(" Please make your request to us.example.com")

    def test_a_region_that_is_not_in_the_directory_is_not_invented(self, region: Region) -> None:
        key = new_key("ap")
        assert_invalid(region.refusal(bearer(key)), key[-4:])

    @pytest.mark.parametrize(
        ("name", "right", "wrong"),
        [(b"openai-project", PROJECT, ORGANIZATION), (b"openai-organization", ORGANIZATION, PROJECT)],
    )
    def test_a_header_that_names_a_project_or_organization_must_name_the_keys(
        self, region: Region, name: bytes, right: str, wrong: str
    ) -> None:
        key = bearer(region.secret)
        for value in (right, "", f" {right} "):
            assert region.authenticator.authenticate([*key, (name, value.encode())]).key_id == KEY_ID
        for values in ([wrong], [right.lower()], [right, wrong], [right + "x"]):
            error = region.refusal([*key, *((name, value.encode()) for value in values)])
            assert (error.category, error.code) == (Category.UNAUTHENTICATED, "mismatched_project")

    def test_a_header_helps_nobody_to_learn_whether_a_key_is_known(self, region: Region) -> None:
        unknown = region.refusal([*bearer(new_key()), (b"openai-project", b"proj_other")])
        assert unknown.code == "invalid_api_key"

    @pytest.mark.parametrize("realm", ["eu", "us", "ap"])
    def test_without_a_snapshot_no_key_is_called_incorrect(self, realm: str) -> None:
        authenticator = Authenticator("eu", INSTALLATION, CurrentSnapshot(), SetClock(), no_blocks())
        with pytest.raises(DomicileError) as caught:
            authenticator.authenticate(bearer(new_key(realm)))
        assert (caught.value.category, caught.value.code) == (Category.UNAVAILABLE, "service_unavailable")
        assert caught.value.retry_after_s == 2

    def test_without_a_snapshot_a_malformed_key_still_is(self) -> None:
        authenticator = Authenticator("eu", INSTALLATION, CurrentSnapshot(), SetClock(), no_blocks())
        with pytest.raises(DomicileError) as caught:
            authenticator.authenticate(bearer("sk-proj-abcdefghijklmnop"))
        assert_invalid(caught.value, "mnop")


def head(headers: Headers, path: str = "/v1/models") -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": path, "headers": headers}


class ForbiddenKeys(dict[bytes, KeyRecord]):
    """A table that nobody may look into."""

    def __getitem__(self, _key: bytes) -> NoReturn:
        raise AssertionError("looked up")

    def get(self, *_arguments: object) -> NoReturn:
        raise AssertionError("looked up")

    def __contains__(self, _key: object) -> NoReturn:
        raise AssertionError("looked up")


class TestHeadGate:
    @pytest.fixture
    def blind(self) -> Authenticator:
        """An authenticator that fails when it looks a key up, as it would have to after hashing it."""
        table = current_snapshot().table
        assert table is not None
        members = {name: getattr(table, name) for name in SnapshotTable.__slots__}
        snapshots = CurrentSnapshot()
        snapshots.swap(SnapshotTable(**{**members, "keys": ForbiddenKeys()}))
        return Authenticator("eu", INSTALLATION, snapshots, SetClock(), no_blocks())

    def test_the_table_is_really_forbidden(self, blind: Authenticator) -> None:
        with pytest.raises(AssertionError, match="looked up"):
            head_gate(blind)(head(bearer(new_key("eu"))))

    @pytest.mark.parametrize("form", [bearer, api_key])
    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/unknown", "/healthz", "/v1/images/content/x"])
    def test_another_regions_key_is_answered_without_a_look_up(
        self, blind: Authenticator, form: Callable[[str], Headers], path: str
    ) -> None:
        secret = new_key("us")
        with pytest.raises(DomicileError) as caught:
            head_gate(blind)(head(form(secret), path))
        assert (caught.value.category, caught.value.code) == (Category.UNAUTHENTICATED, "incorrect_hostname")
        assert caught.value.message.endswith("us.example.com")

    def test_every_head_without_a_key_of_this_region_is_refused(self, region: Region) -> None:
        others: list[Headers] = [
            [],
            [(b"authorization", b"Basic x")],
            bearer(new_key("eu")),
            bearer(new_key("ap")),
            bearer(new_key("admin")),
            bearer(new_key("us", "inst_" + "X" * 24)),
            bearer(new_key("us")[:-1]),
            bearer(new_key("us")) + bearer(region.secret),
            [(b"x-authorization", b"Bearer " + region.secret.encode())],
        ]
        for headers in others:
            with pytest.raises(DomicileError) as caught:
                head_gate(region.authenticator)(head(headers))
            assert caught.value.category is Category.UNAUTHENTICATED

    def test_the_caller_is_made_once(self, region: Region) -> None:
        scope = head(bearer(region.secret))
        head_gate(region.authenticator)(scope)
        assert scope[CALLER].key_id == KEY_ID

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/images/content/img-1"])
    def test_what_is_public_needs_no_key(self, region: Region, path: str) -> None:
        for headers in ([], bearer(new_key("eu")), bearer("nonsense"), bearer(region.secret)):
            scope = head(headers, path)
            head_gate(region.authenticator)(scope)
            assert CALLER not in scope

    def test_without_a_snapshot_another_regions_body_is_not_read_either(self) -> None:
        authenticator = Authenticator("eu", INSTALLATION, CurrentSnapshot(), SetClock(), no_blocks())
        for path in ("/v1/models", "/healthz"):
            with pytest.raises(DomicileError) as caught:
                head_gate(authenticator)(head(bearer(new_key("us")), path))
            assert caught.value.retry_after_s == 2
