"""Log lines, counters and HTTP metrics. None of them hold content, keys or query strings."""
