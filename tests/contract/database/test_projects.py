"""The control plane's own tests of projects, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.projects.test_projects import *  # noqa: F403
