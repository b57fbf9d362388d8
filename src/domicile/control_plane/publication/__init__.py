"""Publication of snapshots: shards, the signed manifest, the publisher's keys, and each region's feed."""
