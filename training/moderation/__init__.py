"""The embedded moderation model: its labelled texts, its training and its figures."""
