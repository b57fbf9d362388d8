"""The runtime of all models: llama.cpp, onnxruntime, loading and unloading, and fair turns."""
