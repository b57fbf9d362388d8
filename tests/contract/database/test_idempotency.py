"""The control plane's own tests of idempotency, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.test_idempotency import *  # noqa: F403
