"""What an account that serves all projects would tell one of them about another."""

import re

# A prompt that somebody else sent before is in the account's cache. Nothing within a JSON string can look like this: its
# quotation marks are escaped there.
_CACHED_TOKENS = re.compile(rb'(?<!\\)"cached_tokens"(\s*):\s*[0-9]+')


def without_cache_counts(data: bytes) -> bytes:
    """The reply with no token counted as cached: whose prompt it was that had been read before is not to be seen."""
    if b'"cached_tokens"' not in data:
        return data
    return _CACHED_TOKENS.sub(rb'"cached_tokens"\1:0', data)
