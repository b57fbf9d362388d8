"""The control plane's own tests of external storage, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.external_storage.test_external_storage import *  # noqa: F403
