"""Organizations, which only the operator creates."""
