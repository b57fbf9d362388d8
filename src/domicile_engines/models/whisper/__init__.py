"""Whisper base: speech to text."""
