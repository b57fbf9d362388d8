"""Audit: one row for every change, written before the change and in the same transaction."""
