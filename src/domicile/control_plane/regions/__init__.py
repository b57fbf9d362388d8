"""Regions: their enrollment, their snapshots, and the last contact with each."""
