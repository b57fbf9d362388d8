"""The tables of a region. Two databases for two roles (design 8): the region's own state, and metering."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, true

region_metadata = MetaData()
metering_metadata = MetaData()
keys_metadata = MetaData()

region_identity = Table(
    "region_identity",
    region_metadata,
    # One row: the region's identity, recorded at its first start (design 6).
    Column("code", String, primary_key=True),
    Column("residency", String, nullable=False),
    Column("countries", String, nullable=False),  # sorted, separated by commas
    Column("public_key", LargeBinary, nullable=False),
    Column("installation_id", String),
    # Only in regions that were enrolled before root keys existed.
    Column("publisher_key_id", String),
    Column("publisher_key", LargeBinary),
    Column("root_key", LargeBinary),
    # The serial of the newest publisher certificate seen. It only grows.
    Column("publisher_serial", BigInteger, nullable=False, server_default="0"),
    Column("enrolled_at_ms", BigInteger),
)

snapshot_manifest = Table(
    "snapshot_manifest",
    region_metadata,
    # One row: the newest verified manifest, with its signed bytes.
    Column("id", Integer, primary_key=True),
    Column("serial", BigInteger, nullable=False, server_default="0"),
    Column("epoch", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    # The publisher's certificate as JSON. Null from control planes older than certificates.
    Column("certificate", LargeBinary),
)

snapshot_shard = Table(
    "snapshot_shard",
    region_metadata,
    Column("sha256", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

block = Table(
    "block",
    region_metadata,
    # Keys and projects that the region's operator has blocked, whatever the snapshot says.
    Column("subject", String, primary_key=True),
    Column("blocked_at_ms", BigInteger, nullable=False),
)

destroyed_project = Table(
    "destroyed_project",
    region_metadata,
    # Projects whose data this region has destroyed because of a tombstone.
    Column("project_id", String, primary_key=True),
    Column("destroyed_at_ms", BigInteger, nullable=False),
)

image_link = Table(
    "image_link",
    region_metadata,
    # Generated images behind links, for an hour, encrypted. Each key is in its link and nowhere else.
    Column("image_id", String, primary_key=True),
    Column("project_id", String, nullable=False, index=True),
    Column("expires_at_ms", BigInteger, nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
)

stored_object = Table(
    "stored_object",
    region_metadata,
    # What is in the object store. A row is there before its bytes, and after them: no bytes are without a row.
    Column("object_id", String, primary_key=True),
    Column("project_id", String, nullable=False, index=True),
    Column("state", String, nullable=False, index=True),  # writing, whole, deleting
    Column("size_bytes", BigInteger, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("changed_at_ms", BigInteger, nullable=False),
    # How many rows refer to it: a file, and each batch that reads the file. The last one that lets go deletes it.
    Column("holders", Integer, nullable=False, server_default="1"),
    # The customer's bucket in which it lies. Null: the region's own store.
    Column("bucket", String),
    Column("signing_region", String),
    # Answers alone whether a project has objects in a customer's bucket.
    Index("ix_stored_object_project_bucket", "project_id", "bucket"),
)

outside_check = Table(
    "outside_check",
    region_metadata,
    # Which check of an external key or an external storage was tried last, so that each is tried once.
    Column("service_id", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("is_reported", Boolean, nullable=False),
    # Until then no other process tries it.
    Column("lease_until_ms", BigInteger, nullable=False),
)

batch = Table(
    "batch",
    region_metadata,
    # A batch of requests. Ids, times and counts; a customer's texts are sealed with the project's key.
    Column("batch_id", String, primary_key=True),
    Column("project_id", String, nullable=False),
    # The key that created it, to which its usage is counted. It gives the batch no rights: those are its project's.
    Column("key_id", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("model", String),  # of the catalogue, once the input is validated
    Column("status", String, nullable=False),
    Column("ending", String),  # cancelled, expired: no line begins any more
    Column("input_file_id", String, nullable=False),
    Column("input_parts", LargeBinary, nullable=False),  # ids and sizes of the objects that it holds, in order, as JSON
    Column("output_file_id", String),
    Column("error_file_id", String),
    Column("output_expires_after_s", Integer),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("in_progress_at_ms", BigInteger),
    Column("finalizing_at_ms", BigInteger),
    Column("completed_at_ms", BigInteger),
    Column("failed_at_ms", BigInteger),
    Column("expired_at_ms", BigInteger),
    Column("cancelling_at_ms", BigInteger),
    Column("cancelled_at_ms", BigInteger),
    Column("total", Integer),  # null until the input is validated
    # Estimated for the input, once it is validated. They count towards the project's limit until the batch has ended.
    Column("queued_tokens", BigInteger, nullable=False, server_default="0"),
    Column("completed", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("input_tokens", BigInteger, nullable=False, server_default="0"),
    Column("input_cached_tokens", BigInteger, nullable=False, server_default="0"),
    Column("output_tokens", BigInteger, nullable=False, server_default="0"),
    Column("output_reasoning_tokens", BigInteger, nullable=False, server_default="0"),
    # The lease of its validation, and later of its finalisation. Each claim raises the number.
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("put_off", Integer, nullable=False, server_default="0"),  # claims that were no fault of the batch
    Column("lease_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("errors", LargeBinary),  # sealed
    Column("metadata", LargeBinary),  # sealed
    # Of the Idempotency-Key and of the body with which it was created: hashes.
    Column("idempotency_sha256", LargeBinary),
    Column("body_sha256", LargeBinary),
    Index("ix_batch_project", "project_id", "created_at_ms", "batch_id"),
    Index("ix_batch_status", "status"),
    Index("ix_batch_idempotency", "project_id", "idempotency_sha256", unique=True),
)

batch_chunk = Table(
    "batch_chunk",
    region_metadata,
    # Consecutive lines of a batch's input, which one worker runs under one lease. Gone when the batch has ended.
    Column("batch_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("project_id", String, nullable=False),
    Column("byte_offset", BigInteger, nullable=False),
    Column("byte_length", BigInteger, nullable=False),
    Column("first_line", Integer, nullable=False),  # counted from 1; blank lines count
    Column("lines", Integer, nullable=False),  # without blank ones
    Column("status", String, nullable=False),  # queued, running, done, skipped, abandoned
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("put_off", Integer, nullable=False, server_default="0"),  # attempts that are no fault of its lines
    Column("lease_until_ms", BigInteger, nullable=False, server_default="0"),  # of a queued one: not before
    # Its results, once done: the lines of the output file, then those of the error file.
    Column("object_id", String),
    Column("output_bytes", BigInteger),
    Column("error_bytes", BigInteger),
    # Entries of the ledger that are not in it yet: ids and counts.
    Column("entries", LargeBinary),
    Index("ix_batch_chunk_status", "status", "project_id", "batch_id", "number"),
)

engine_wait = Table(
    "engine_wait",
    region_metadata,
    # When interactive requests last waited for a place at an engine, in any process of the region.
    Column("engine", String, primary_key=True),
    Column("process", String, primary_key=True),
    Column("waited_at_ms", BigInteger, nullable=False),
)

project_key = Table(
    "project_key",
    keys_metadata,
    # The key store, in a database of its own: what is deleted here must not come back with a backup of the region's.
    Column("project_id", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)

file = Table(
    "file",
    region_metadata,
    # Files of projects. The id says when it was made, so that a list can go on after a file that is gone.
    Column("id", String, primary_key=True),
    Column("project_id", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, index=True),
    # The customer's name of it, under the project's key.
    Column("sealed_name", LargeBinary, nullable=False),
    Index("ix_file_project_created", "project_id", "created_at_ms", "id"),
    # Answers alone how much a project holds.
    Index("ix_file_project_size", "project_id", "size_bytes"),
)

file_part = Table(
    "file_part",
    region_metadata,
    # The objects that hold a file's content, in order: one, or as many as an upload had parts.
    Column("file_id", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("object_id", String, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
)

upload = Table(
    "upload",
    region_metadata,
    # Files that arrive in parts. A row is swept a day after the upload has ended, whichever way.
    Column("id", String, primary_key=True),
    Column("project_id", String, nullable=False, index=True),
    Column("status", String, nullable=False),  # pending, completed, cancelled, expired
    Column("purpose", String, nullable=False),
    # What the client announced.
    Column("size_bytes", BigInteger, nullable=False),
    Column("lifetime_s", BigInteger),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False, index=True),
    # The customer's name of the file, under the project's key. Empty once there is a file, which has a name of its own.
    Column("sealed_name", LargeBinary, nullable=False),
    Column("file_id", String),
)

upload_part = Table(
    "upload_part",
    region_metadata,
    # The object of a part is the upload's until a file takes it. The row stays: it tells a completion that is sent again.
    Column("id", String, primary_key=True),
    Column("upload_id", String, nullable=False, index=True),
    Column("object_id", String, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
)

key_export = Table(
    "key_export",
    region_metadata,
    # Exports of the projects' keys (escrow), in the order in which they were made.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("exported_at_ms", BigInteger, nullable=False),
)

key_export_project = Table(
    "key_export_project",
    region_metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("project_id", String, primary_key=True, index=True),
)

metering_writer = Table(
    "metering_writer",
    metering_metadata,
    # One row for each start of a metering process. A row without `closed_at_ms` whose heartbeat has stopped belongs to a killed
    # process. Entries of its last second may be lost, which is reported as a gap.
    Column("writer", String, primary_key=True),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger),
    # The number of its last report, and the sequence number of its last reported entry.
    Column("last_number", BigInteger, nullable=False, server_default="0"),
    Column("reported_through", BigInteger, nullable=False, server_default="0"),
    # Whether it is closed and all its entries have been reported.
    Column("is_settled", Boolean, nullable=False, server_default=true()),
)

ledger = Table(
    "ledger",
    metering_metadata,
    # One row for each request that an engine ran. Rows never leave the region (contract C07).
    Column("request_id", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("organization_id", String, nullable=False),
    Column("project_id", String, nullable=False, index=True),
    Column("key_id", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("model", String, nullable=False),
    Column("tier", String, nullable=False),
    Column("batch", Boolean, nullable=False),
    Column("engine", String, nullable=False),
    Column("country", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("counted_by", String, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("input_cached_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("output_reasoning_tokens", BigInteger, nullable=False),
    Column("characters", BigInteger, nullable=False, server_default="0"),
    Column("audio_milliseconds", BigInteger, nullable=False, server_default="0"),
    Column("images", BigInteger, nullable=False, server_default="0"),
    Column("image_size", String),
    # The writer, and its number for this entry. Entries after the writer's `reported_through` are not reported yet.
    Column("writer", String),
    Column("sequence", BigInteger),
    Index("ix_ledger_writer_sequence", "writer", "sequence"),
)

outbox = Table(
    "outbox",
    metering_metadata,
    # Reports to the control plane. Deleted when it has confirmed them.
    Column("writer", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("path", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # Set when the control plane refused the report for good. Then it is kept for the operator and not sent again.
    Column("refused_code", String),
)
