"""Customers' own buckets, each for one project."""
