"""llama.cpp: its server, its slots, and the grammars that it enforces."""
