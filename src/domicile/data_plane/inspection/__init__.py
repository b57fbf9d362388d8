"""Recordings are read in processes of their own: starting them, asking them, ending them."""
