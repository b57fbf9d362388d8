"""Moderation: how much a text or an image fits each of OpenAI's categories."""
