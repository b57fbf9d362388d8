"""Snapshots on their way to the regions: shards, the signed manifest, the publisher's keys, and each region's feed."""
