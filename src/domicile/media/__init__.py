"""Content that comes as a file: what it is by its bytes, and how much of it there is."""
