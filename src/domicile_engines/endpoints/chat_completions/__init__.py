"""Chat completions: `POST /v1/chat/completions`, by the chat model or the operator's vision model."""
