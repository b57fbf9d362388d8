"""OpenAI's wire schemas: content. The control plane cannot import this package."""
