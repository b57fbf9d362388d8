"""Customers' own keys in a key management service, which wrap the keys of their projects."""
