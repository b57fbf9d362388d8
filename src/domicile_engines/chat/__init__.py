"""Chat completions by the embedded model."""
