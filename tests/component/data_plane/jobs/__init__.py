"""Batches with real databases and object stores, and scripted lines."""
