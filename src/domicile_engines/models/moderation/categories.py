"""OpenAI's categories, and which of them are learned."""

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
"""In the order of the weights' rows."""

SEXUAL, SEXUAL_MINORS = "sexual", "sexual/minors"
CATEGORIES = (*LEARNED, SEXUAL_MINORS)
FLAGGED_FROM = 0.5
"""Each category's threshold lies in its weights, so that one score means the same everywhere: flagged, or not."""
