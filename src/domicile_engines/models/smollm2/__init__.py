"""SmolLM2-135M-Instruct: chat and text completions."""
