"""OpenAI's moderation categories, and which of them the model has learned."""

LEARNED = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "violence",
    "violence/graphic",
)
"""In the order of the rows of the weights."""

SEXUAL, SEXUAL_MINORS = "sexual", "sexual/minors"
CATEGORIES = (*LEARNED, SEXUAL_MINORS)
FLAGGED_FROM = 0.5
"""The threshold of every category: training folds each category's own threshold into its bias."""
