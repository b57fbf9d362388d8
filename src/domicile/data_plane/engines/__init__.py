"""Engines: OpenAI-compatible servers of this region, reached through one port."""
