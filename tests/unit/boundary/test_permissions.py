"""What a scope grants, and what a list of models allows."""

import msgspec
import pytest

from domicile.boundary import permissions
from domicile.boundary.permissions import KeyScope, ModelPermissions, PermissionMode, granting


def test_to_write_includes_to_read_and_never_the_reverse() -> None:
    assert granting(KeyScope.FILES_READ) == {KeyScope.FILES_READ, KeyScope.FILES_WRITE, KeyScope.ALL_READ}
    assert granting(KeyScope.BATCHES_READ) == {KeyScope.BATCHES_READ, KeyScope.BATCHES_WRITE, KeyScope.ALL_READ}
    assert granting(KeyScope.FILES_WRITE) == {KeyScope.FILES_WRITE}
    assert granting(KeyScope.BATCHES_WRITE) == {KeyScope.BATCHES_WRITE}


def test_a_read_only_key_reads_everything_and_runs_nothing() -> None:
    granted = {scope for scope in KeyScope if KeyScope.ALL_READ in granting(scope)}
    assert granted == {KeyScope.ALL_READ, KeyScope.MODEL_READ, KeyScope.FILES_READ, KeyScope.BATCHES_READ}


def test_model_request_runs_every_model_and_nothing_else() -> None:
    granted = {scope for scope in KeyScope if KeyScope.MODEL_REQUEST in granting(scope)}
    assert granted == {scope for scope in KeyScope if scope.endswith(".request")}


@pytest.mark.parametrize(("mode", "listed"), [(PermissionMode.ALLOW_LIST, True), (PermissionMode.DENY_LIST, False)])
def test_a_list_of_models(mode: PermissionMode, listed: bool) -> None:
    models = ModelPermissions(mode, ("gpt-4-0613",))
    assert (models.allow("gpt-4-0613"), models.allow("gpt-4o-2024-08-06")) == (listed, not listed)
    assert ModelPermissions(mode, ()).allow("gpt-4-0613") is not listed


def test_columns_hold_what_was_put_in_and_nothing_unknown() -> None:
    models = ModelPermissions(PermissionMode.DENY_LIST, ("gpt-4-0613",))
    assert permissions.decode_model_permissions(permissions.encode_model_permissions(models)) == models
    assert permissions.decode_model_permissions(None) is None
    scopes = (KeyScope.FILES_READ, KeyScope.MODEL_READ)
    assert permissions.decode_scopes(permissions.encode_scopes([*scopes, KeyScope.FILES_READ])) == scopes
    networks = ("10.0.0.0/8", "2001:db8::/32")
    assert permissions.decode_networks(permissions.encode_networks(networks)) == networks
    for decode, text in (
        (permissions.decode_scopes, '["api.everything"]'),
        (permissions.decode_networks, '["everywhere"]'),
        (permissions.decode_model_permissions, '{"mode": "maybe", "models": []}'),
    ):
        with pytest.raises(msgspec.MsgspecError):
            decode(text)
