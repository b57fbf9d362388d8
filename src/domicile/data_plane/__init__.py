"""The data plane: one process for each region. Content exists only here (design 3)."""
