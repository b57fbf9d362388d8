"""Composition root of the control plane: a builder for each part, called by the process and by tests."""
