"""Entitlements in force: those of an admitted request, and the models for which any project has one."""

from collections.abc import Collection

from domicile.boundary.entitlements import Entitlement
from domicile.data_plane.policy.admit import Admission
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.clock import Clock


def entitlements_of(admission: Admission, now_ms: int) -> list[Entitlement]:
    """The project's entitlements for the model that are in force. The one that ends first comes first."""
    model = admission.model.name
    found = [
        each
        for each in admission.caller.project.entitlements
        if model in each.models and each.from_ms <= now_ms < each.until_ms
    ]
    return sorted(found, key=lambda each: (each.until_ms, each.entitlement_id)) if len(found) > 1 else found


class EntitledModels:
    """The models for which any project of the region has an entitlement in force. Read again once a second."""

    def __init__(self, snapshots: CurrentSnapshot, clock: Clock) -> None:
        self._snapshots = snapshots
        self._clock = clock
        self._second = -1
        self._models: frozenset[str] = frozenset()

    def include_any(self, models: Collection[str]) -> bool:
        """Whether one of these models is among them."""
        now_ms = self._clock.now_ms()
        if now_ms // 1000 != self._second:
            self._second, self._models = now_ms // 1000, self._read(now_ms)
        return not self._models.isdisjoint(models)

    def _read(self, now_ms: int) -> frozenset[str]:
        table = self._snapshots.table
        if table is None:
            return frozenset()
        return frozenset(
            model
            for entitlements in table.entitlements.values()
            for each in entitlements
            if each.from_ms <= now_ms < each.until_ms
            for model in each.models
        )
