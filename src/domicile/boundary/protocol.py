"""The control plane's boundary listener: its paths, all of which answer for the calling region only (design 2)."""

ENROLL = "/boundary/v1/enroll"
"""POST EnrollmentRequest -> EnrollmentReceipt. Unsigned: its secret is single-use."""

TIME = "/boundary/v1/time"
"""POST TimeQuery -> SignedTime. Unsigned too: it is for a region whose clock is too far off to sign."""

SNAPSHOT = "/boundary/v1/snapshot"
"""POST SnapshotQuery -> 200 SignedManifest when there is a newer one, within `LONG_POLL_S`; 204 when there is none."""

SHARD = "/boundary/v1/shards"
"""GET {SHARD}/{sha256 in hex} -> the shard's bytes, if it belongs to this region; else 404."""

USAGE = "/boundary/v1/usage"
"""POST UsageReport -> Received."""

AUDIT = "/boundary/v1/audit"
"""POST AuditReport -> Received."""

LONG_POLL_S = 25.0
"""How long the control plane may hold a poll. It renews each snapshot at least every `RENEWAL_S`, so polls end sooner."""

RENEWAL_S = 10.0
"""A snapshot is signed anew at least this often, so that its age is a measure of contact."""
