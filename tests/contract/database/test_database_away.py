"""The control plane's own tests of a database that is away, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.test_database_away import *  # noqa: F403
