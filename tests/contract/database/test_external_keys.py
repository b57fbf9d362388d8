"""The control plane's own tests of external keys, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.external_keys.test_external_keys import *  # noqa: F403
