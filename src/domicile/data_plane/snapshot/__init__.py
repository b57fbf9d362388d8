"""The region's copy of what the control plane told it: fetched, verified, swapped (design 2)."""
