"""The control plane's own tests of the audit log, once more: here the fixtures run it on PostgreSQL."""

from tests.component.control_plane.audit.test_audit import *  # noqa: F403
