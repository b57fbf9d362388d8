"""Encrypted storage of projects' content."""
