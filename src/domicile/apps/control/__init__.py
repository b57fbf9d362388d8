"""Composition root of the control plane: a builder for each part. The process calls them, and so do the tests."""
