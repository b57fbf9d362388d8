"""The control plane's own tests of projects, once more: here the fixtures run it on PostgreSQL."""

import pytest
from tests.component.control_plane.projects.test_projects import *  # noqa: F403

pytestmark = pytest.mark.xdist_group("postgresql")
