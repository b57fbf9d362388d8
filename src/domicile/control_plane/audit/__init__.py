"""Audit: one row for every change, written before it in the same transaction."""
