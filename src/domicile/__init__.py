"""Domicile: an OpenAI-compatible API platform in which every project lives in one region."""
