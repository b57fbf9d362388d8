"""The control plane's own tests of retention, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.retention.test_retention import *  # noqa: F403
