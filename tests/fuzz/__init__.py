"""Hostile and random input over real HTTP: whatever comes, an answer in the envelope, and soon."""
