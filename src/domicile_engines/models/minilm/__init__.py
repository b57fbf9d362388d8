"""all-MiniLM-L6-v2: text embeddings; the angle between two vectors measures how similar the texts are."""
