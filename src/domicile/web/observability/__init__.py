"""Logs, counters and HTTP metrics. None of them holds content, keys or query strings."""
