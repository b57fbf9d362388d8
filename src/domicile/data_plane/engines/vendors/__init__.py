"""Adapters, one for each vendor. Only the composition root chooses among them (`.importlinter`)."""
