"""Vendor adapters. Only the composition root imports `choice`, which picks one (`.importlinter`)."""
