"""all-MiniLM-L6-v2: text as vectors whose angles say how alike the texts are."""
