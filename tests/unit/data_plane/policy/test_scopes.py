"""A restricted key does what its scopes say, and nothing else."""

import pytest

from domicile.boundary.permissions import KeyScope
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.endpoint_rules import SERVED
from domicile.data_plane.policy.scopes import REQUEST_SCOPES, require_scope
from domicile.kernel.errors import DomicileError
from tests.unit.data_plane.region_parts import KEY_ID, organization_record, project_record


def caller(*scopes: KeyScope, is_restricted: bool = True) -> Caller:
    return Caller(organization_record(), project_record(), KEY_ID, "eu", scopes if is_restricted else None)


def test_every_served_endpoint_has_a_scope() -> None:
    assert set(REQUEST_SCOPES) == set(SERVED)


@pytest.mark.parametrize("scope", KeyScope)
def test_an_unrestricted_key_may_do_everything(scope: KeyScope) -> None:
    require_scope(caller(is_restricted=False), scope)


@pytest.mark.parametrize("scope", KeyScope)
def test_a_key_without_scopes_may_do_nothing(scope: KeyScope) -> None:
    with pytest.raises(DomicileError) as refused:
        require_scope(caller(), scope)
    assert refused.value.code == "missing_scope"
    assert f"Missing scopes: {scope}." in refused.value.message


@pytest.mark.parametrize(
    ("held", "required", "is_granted"),
    [
        (KeyScope.EMBEDDINGS, KeyScope.EMBEDDINGS, True),
        (KeyScope.EMBEDDINGS, KeyScope.CHAT_COMPLETIONS, False),
        (KeyScope.MODEL_REQUEST, KeyScope.CHAT_COMPLETIONS, True),
        (KeyScope.MODEL_REQUEST, KeyScope.FILES_READ, False),
        (KeyScope.FILES_WRITE, KeyScope.FILES_READ, True),
        (KeyScope.FILES_READ, KeyScope.FILES_WRITE, False),
        (KeyScope.ALL_READ, KeyScope.BATCHES_READ, True),
        (KeyScope.ALL_READ, KeyScope.MODEL_REQUEST, False),
    ],
)
def test_one_scope(held: KeyScope, required: KeyScope, is_granted: bool) -> None:
    if is_granted:
        require_scope(caller(held), required)
        return
    with pytest.raises(DomicileError):
        require_scope(caller(held), required)
