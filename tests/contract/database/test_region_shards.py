"""The control plane's own tests of shards, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.publication.test_region_shards import *  # noqa: F403
