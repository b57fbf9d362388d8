"""What runs any model: llama.cpp, onnxruntime, residency in memory, and fair turns."""
