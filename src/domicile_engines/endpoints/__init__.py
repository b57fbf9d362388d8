"""One package for each endpoint of the API, all with the same file names."""
