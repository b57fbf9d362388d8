"""The control plane's own tests of paging, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.test_paging import *  # noqa: F403
