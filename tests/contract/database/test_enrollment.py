"""The control plane's own tests of enrollment, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.regions.test_enrollment import *  # noqa: F403
