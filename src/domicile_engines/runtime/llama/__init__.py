"""llama.cpp: its process-wide server, its slots, and the grammars that it enforces."""
