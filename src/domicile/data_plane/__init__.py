"""One process, one region: every byte of content lives here (design 3)."""
