"""Token ids of OpenAI's cl100k_base as text.

Clients such as LangChain count tokens by themselves and send ids in the place of text, whatever the model. Another model's
vocabulary has nothing to do with those numbers, so they are turned back into the text that they stand for.
"""

import base64
import gzip
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from domicile.kernel import errors
from domicile_engines.runtime.engine_errors import too_long
from domicile_engines.runtime.weights import WeightsError

_FILE = Path(__file__).parent / "data" / "cl100k_base.tiktoken.gz"
_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
IDS_MAX = 8192


def texts(given: str | Sequence[str | int | list[int]], param: str) -> list[tuple[str, str]]:
    """The texts of a member that holds a text, texts, the tokens of a text, or those of several; each after its path.

    Reading many tokens takes a while: not for the event loop. Raises a 400 for what is no token.
    """
    if isinstance(given, str):
        return [(param, given)]
    tokens = [each for each in given if isinstance(each, int)]
    if tokens:
        return [(param, decode(tokens, param))]
    return [
        (path, each if isinstance(each, str) else decode(each, path))
        for path, each in ((f"{param}[{index}]", each) for index, each in enumerate(given))
        if not isinstance(each, int)
    ]


def decode(ids: Sequence[int], param: str) -> str:
    """The text of token ids. An incomplete character at either end, where a client has cut, becomes U+FFFD."""
    if len(ids) > IDS_MAX:
        raise too_long(param, IDS_MAX, len(ids))
    vocabulary = _vocabulary()
    if ids and (min(ids) < 0 or max(ids) >= len(vocabulary)):
        raise errors.invalid_value(
            f"'{param}' holds a number that is no token of cl100k_base, or a special one. Send the text itself.", param
        )
    return b"".join(vocabulary[number] for number in ids).decode("utf-8", "replace")


@cache
def _vocabulary() -> tuple[bytes, ...]:
    """The bytes of each token, by its id: 100,256 of them, about 5 MB. Read when ids are first sent."""
    content = gzip.decompress(_FILE.read_bytes())
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise WeightsError(f"{_FILE.name} is not the expected file")
    return tuple(base64.b64decode(line.split()[0]) for line in content.splitlines())
