"""Validation and results of batches."""
