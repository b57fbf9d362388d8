"""The paths of the control plane's boundary listener. Each answers for the calling region only (design 2)."""

ENROLL = "/boundary/v1/enroll"
"""POST EnrollmentRequest -> EnrollmentReceipt. Unsigned: its secret is single-use."""

TIME = "/boundary/v1/time"
"""POST TimeQuery -> SignedTime. Unsigned: a region asks when its clock is too far off to sign."""

SNAPSHOT = "/boundary/v1/snapshot"
"""POST SnapshotQuery -> 200 SignedManifest for a newer snapshot, within `LONG_POLL_S`; 204 when there is none."""

SHARD = "/boundary/v1/shards"
"""GET {SHARD}/{sha256 in hex} -> the shard's bytes if it belongs to this region, else 404."""

USAGE = "/boundary/v1/usage"
"""POST UsageReport -> Received."""

AUDIT = "/boundary/v1/audit"
"""POST AuditReport -> Received."""

SERVICE_LEVELS = "/boundary/v1/service_levels"
"""POST ServiceLevelReport -> Received."""

LONG_POLL_S = 25.0
"""How long, in seconds, the control plane may hold a poll. Renewals come every `RENEWAL_S`, so polls end sooner."""

RENEWAL_S = 10.0
"""Every snapshot is signed anew at least this often, in seconds, so that its age shows whether the region has contact."""
