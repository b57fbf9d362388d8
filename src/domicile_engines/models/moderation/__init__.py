"""The moderation model: trained heads over MiniLM's vectors, and a word rule."""
