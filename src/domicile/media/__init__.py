"""Inspects uploaded media: recognizes recordings by their content and measures their length."""
