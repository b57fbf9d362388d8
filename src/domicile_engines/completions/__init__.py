"""Text completions: a text is gone on with, as it stands."""
