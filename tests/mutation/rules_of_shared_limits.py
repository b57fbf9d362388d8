"""Limits that several processes of a region share."""

from tests.mutation.mutant import Mutant

AWAY = "tests/contract/limits/test_store_away.py"

MUTANTS = [
    Mutant(
        "C19",
        "a store that is away opens no limit",
        "SharedQuotas._take_alone",
        "held.buckets(self._fraction(), now_s)",
        "held.buckets(1.0, now_s)",
        f"{AWAY} -k killed",
    ),
    Mutant(
        "C19",
        "what a process used alone is told to the store",
        "Account.rejoin",
        "self.owed -= max(0, min(self._spent",
        "self.owed -= min(0, min(self._spent",
        f"{AWAY} -k told",
    ),
    Mutant(
        "C19",
        "a store that comes back empty begins from what was left",
        "Account.ask",
        "return Ask(self.limit, owed, needed, wanted, self._filled(now_s))",
        "return Ask(self.limit, owed, needed, wanted, self.limit.limit)",
        f"{AWAY} -k empty",
    ),
    Mutant(
        "C19",
        "what may have been given back is not given back again",
        "Account.unanswered",
        "self.owed += min(0, asked.returned)",
        "self.owed += asked.returned",
        "tests/contract/limits/test_store_away.py -k twice",
    ),
    Mutant(
        "C19",
        "without a store each process has its share",
        "LocalQuotas._of",
        "held, fraction = self._held.get(owner), self._fraction()",
        "held, fraction = self._held.get(owner), 1.0",
        "tests/unit/data_plane/limits/test_replicas.py",
    ),
    Mutant(
        "C19",
        "the tokens of waiting batches are limited",
        "BatchLeases.validated",
        "if tokens_max is not None and",
        "if tokens_max is None and",
        "tests/contract/database/test_batches.py -k tokens",
    ),
    Mutant(
        "design 8",
        "a process uses the places that it has leased",
        "Pool.places",
        "return min(total, self._leased)",
        "return total",
        "tests/contract/limits/test_places.py",
    ),
    Mutant(
        "design 6",
        "the store of limits is not reached in clear text over a network",
        "LimitStoreSettings._check_host",
        'if parts.scheme == "redis" and not is_loopback(parts.hostname):',
        "if False:",
        "tests/unit/settings/test_limit_store.py",
    ),
    Mutant(
        "design 3",
        "the store of limits stands in the region",
        "EgressPolicy._server",
        "if country not in self._countries:",
        "if False:",
        "tests/contract/limits/test_connections.py -k outside",
    ),
]
