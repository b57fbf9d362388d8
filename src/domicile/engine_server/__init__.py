"""The embedded engine: a small CPU model behind OpenAI's wire format, in a process of its own."""
