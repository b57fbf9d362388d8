"""Hides what one project could learn about another if both use the same vendor account."""

import re

# The account's prompt cache is shared, so a count of cached tokens shows that another project sent the same prompt. The
# pattern matches no text inside a JSON string, since quotation marks are escaped there.
_CACHED_TOKENS = re.compile(rb'(?<!\\)"cached_tokens"(\s*):\s*[0-9]+')


def without_cache_counts(data: bytes) -> bytes:
    """The reply with every `cached_tokens` set to 0."""
    if b'"cached_tokens"' not in data:
        return data
    return _CACHED_TOKENS.sub(rb'"cached_tokens"\1:0', data)
