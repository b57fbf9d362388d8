"""Who a line of a batch is: its project, as the snapshot in force has it."""

from pathlib import Path

import pytest

from domicile.boundary.rate_limits import ProjectRateLimit
from domicile.boundary.snapshot import Shard, shard_index
from domicile.catalogue.catalogue import load_catalogue
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.jobs.caller import BatchCallers
from domicile.data_plane.jobs.line import NotNowError
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.persistence.database import Database
from tests.unit.data_plane.region_parts import (
    KEY_ID,
    PROJECT,
    SetClock,
    current_snapshot,
    database_in,
    no_blocks,
    organization_record,
    project_record,
    shards_for,
    snapshot_table,
)


def test_a_project_needs_no_key() -> None:
    """The key that created the batch may be gone."""
    callers = BatchCallers("eu", current_snapshot(*shards_for()), no_blocks())
    caller = callers.caller(PROJECT, KEY_ID)
    assert (caller.project, caller.organization) == (project_record(), organization_record())
    assert (caller.key_id, caller.region) == (KEY_ID, "eu")
    assert not callers.is_archived(PROJECT)


def test_without_a_snapshot_nothing_runs_and_nothing_is_archived() -> None:
    callers = BatchCallers("eu", CurrentSnapshot(), no_blocks())
    with pytest.raises(NotNowError):
        callers.caller(PROJECT, KEY_ID)
    assert not callers.is_archived(PROJECT)


def test_a_project_that_has_left_the_snapshot_is_archived() -> None:
    snapshots = current_snapshot(*shards_for())
    callers = BatchCallers("eu", snapshots, no_blocks())
    snapshots.swap(snapshot_table())
    with pytest.raises(NotNowError):
        callers.caller(PROJECT, KEY_ID)
    assert callers.is_archived(PROJECT)


async def test_a_project_that_is_blocked_here_waits(tmp_path: Path) -> None:
    async with database_in(tmp_path, "region") as database:
        blocks = await blocked(database)
        callers = BatchCallers("eu", current_snapshot(*shards_for()), blocks)
        with pytest.raises(NotNowError):
            callers.caller(PROJECT, KEY_ID)
        assert not callers.is_archived(PROJECT)
        await blocks.remove(PROJECT)
        assert callers.caller(PROJECT, KEY_ID).project == project_record()


async def blocked(database: Database) -> Blocks:
    blocks = Blocks(database, SetClock())
    await blocks.add(PROJECT)
    return blocks


def test_the_tokens_of_waiting_batches_are_the_lower_limit() -> None:
    model = load_catalogue().find_model("gpt-4-0613")
    assert model is not None
    limit = model.rate_limits.batch_queue_tokens
    assert limit is not None
    own = project_record(rate_limits=(ProjectRateLimit(model.name, batch_queue_tokens=5),))
    for project, expected in ((project_record(), limit), (own, 5)):
        shard = Shard("eu", shard_index(PROJECT), (), (project,), ())
        callers = BatchCallers("eu", current_snapshot(shard), no_blocks())
        assert callers.tokens_max(PROJECT, model) == expected
    assert BatchCallers("eu", CurrentSnapshot(), no_blocks()).tokens_max(PROJECT, model) == limit
