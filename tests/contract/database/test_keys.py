"""The control plane's own tests of keys, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.keys.test_keys import *  # noqa: F403
