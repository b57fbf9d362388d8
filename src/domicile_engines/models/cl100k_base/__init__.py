"""OpenAI's cl100k_base vocabulary, for clients that send token ids."""
