"""The control plane's own tests of usage, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.usage.test_usage import *  # noqa: F403
