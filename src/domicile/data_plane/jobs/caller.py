"""The caller of a batch's line: its project as the snapshot in force has it. No key: a key that is revoked ends no batch."""

from domicile.boundary.rate_limits import effective_rate_limits
from domicile.catalogue.catalogue import ModelEntry
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.jobs.line import NotNowError
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.snapshot.table import CurrentSnapshot


class BatchCallers:
    """Makes callers, and says which projects are archived."""

    def __init__(self, region: str, snapshots: CurrentSnapshot, blocks: Blocks) -> None:
        self._region = region
        self._snapshots = snapshots
        self._blocks = blocks

    def caller(self, project_id: str, key_id: str) -> Caller:
        """The caller. `key_id`: the key to which the usage is counted.

        Raises `NotNowError` when the project is blocked here or in no snapshot: a batch that is archived is cancelled.
        """
        table = self._snapshots.table
        project = None if table is None else table.projects.get(project_id)
        organization = None if table is None or project is None else table.organizations.get(project.organization_id)
        if project is None or organization is None or self._blocks.cover("", project_id):
            raise NotNowError
        return Caller(organization=organization, project=project, key_id=key_id, region=self._region)

    def is_archived(self, project_id: str) -> bool:
        """Whether the snapshot in force lacks the project. False without a snapshot: nobody can know then."""
        table = self._snapshots.table
        return table is not None and project_id not in table.projects

    def tokens_max(self, project_id: str, model: ModelEntry) -> int | None:
        """The tokens that the project's batches of the model may hold together until they end. None: no limit."""
        table = self._snapshots.table
        project = None if table is None else table.projects.get(project_id)
        own = () if project is None else project.rate_limits
        return effective_rate_limits(own, model.name, model.rate_limits).batch_queue_tokens
