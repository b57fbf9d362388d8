"""Engines: OpenAI-compatible servers of this region, all behind one port (`port.Engine`)."""
