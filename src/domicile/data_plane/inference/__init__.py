"""Inference: the request lifecycle, and an adapter for each endpoint."""
