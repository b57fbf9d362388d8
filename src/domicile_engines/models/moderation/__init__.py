"""The moderation model: trained heads over MiniLM's vectors and hashed words, and a word rule."""
