"""Inference: the one story of a request, and for each endpoint what its requests and replies are like."""
