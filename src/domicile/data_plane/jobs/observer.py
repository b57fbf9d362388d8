"""What a worker tells its process about jobs, for metrics."""

from domicile.data_plane.jobs.batch import BatchStatus


class JobObserver:
    """Ignores everything. Methods of others must return at once and never raise, too."""

    def lines_ended(self, *, completed: int = 0, failed: int = 0, unrun: int = 0) -> None:
        """Called once for lines whose results are committed. `unrun`: written into the error file without having run."""

    def begun_again(self) -> None:
        """Called for each claim of a chunk that had been begun before."""

    def claim_lost(self) -> None:
        """Called for each claim that another worker's has replaced, or whose batch is gone."""

    def batch_ended(self, status: BatchStatus) -> None:
        """Called for each batch that this worker has ended."""
