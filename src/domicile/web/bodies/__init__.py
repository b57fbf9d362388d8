"""Request bodies: read within bounds of size, time and memory, then decoded into closed types."""
