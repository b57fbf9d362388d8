"""The rules of permissions, limits and spending."""

from tests.mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "decision 0043",
        "a restricted key needs the scope of the call",
        "require_scope",
        "    if caller.scopes is not None and _GRANTING[scope].isdisjoint(caller.scopes):",
        "    if False:",
        "tests/unit/data_plane/policy/test_scopes.py",
    ),
    Mutant(
        "decision 0043",
        "every call of a restricted key is checked",
        "for_caller",
        "        require_scope(caller, scope)\n",
        "",
        "tests/e2e/test_permissions.py -k scopes",
    ),
    Mutant(
        "decision 0043",
        "a key is used from its project's networks only",
        "head_gate",
        "            if caller.project.networks:",
        "            if False:",
        "tests/e2e/test_permissions.py -k networks",
    ),
    Mutant(
        "decision 0043",
        "an unknown address is on no list",
        "check_network",
        "address is None or not any",
        "address is not None and not any",
        "tests/unit/data_plane/http/test_auth.py",
    ),
    Mutant(
        "decision 0043",
        "a client cannot claim an address",
        "client_address",
        "    for text in reversed(",
        "    for text in list(",
        "tests/component/web/server/test_trusted_proxies.py",
    ),
    Mutant(
        "decision 0043",
        "a project uses the models of its list only",
        "admit",
        "    check_model_permission(caller, request.model, model)\n",
        "",
        "tests/unit/data_plane/policy/test_admit.py",
    ),
    Mutant(
        "decision 0043",
        "a region that cannot enforce a restriction does not get the project",
        "encode_shard_of_schema_2",
        "        and project.models is None\n        and not project.networks\n",
        "",
        "tests/unit/boundary/test_snapshot_v2.py",
    ),
    Mutant(
        "decision 0043",
        "a region that cannot enforce scopes does not get the key",
        "encode_shard_of_schema_2",
        " and key.scopes is None",
        "",
        "tests/unit/boundary/test_snapshot_v2.py",
    ),
]
