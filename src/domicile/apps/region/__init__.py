"""Composition root of a region: a builder for each part. The process calls them, and so do the tests."""
