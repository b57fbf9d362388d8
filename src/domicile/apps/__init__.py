"""Composition roots, one for each kind of process: the only places where configuration becomes objects."""
