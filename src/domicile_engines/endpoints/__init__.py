"""One package for each API endpoint, each with the same file names."""
