"""Work that outlives its request: rows with leases in the region's own database (decision 0037). Batches are the first."""
