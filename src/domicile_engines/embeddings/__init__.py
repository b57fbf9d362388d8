"""Embeddings: text as vectors whose angles say how alike the texts are."""
