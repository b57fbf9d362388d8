"""OpenAI's cl100k_base vocabulary, in which clients send token ids."""
