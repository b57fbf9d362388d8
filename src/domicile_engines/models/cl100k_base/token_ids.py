"""Decodes token ids of OpenAI's cl100k_base vocabulary to text.

Clients such as LangChain tokenize locally and send ids instead of text, whatever the model. Another model has another
vocabulary, so the ids are decoded first.
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
    """Return the texts of a member, each with its path.

    The member is a text, a list of texts, the token ids of one text, or a list of such lists. Decoding many ids blocks, so
    call it in a thread. Raises a 400 for an id that is not a token.
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
    """Decode token ids to text. A character that the client cut off at either end becomes U+FFFD.

    Raises a 400 for more than `IDS_MAX` ids, and for an id that is not a token.
    """
    if len(ids) > IDS_MAX:
        raise too_long(param, IDS_MAX, len(ids))
    vocabulary = _vocabulary()
    if ids and (min(ids) < 0 or max(ids) >= len(vocabulary)):
        raise errors.invalid_value(
            f"'{param}' contains a number that is not an ordinary token of cl100k_base. Send the text itself.", param
        )
    return b"".join(vocabulary[number] for number in ids).decode("utf-8", "replace")


@cache
def _vocabulary() -> tuple[bytes, ...]:
    """The bytes of each of the 100,256 tokens, indexed by id. About 5 MB; read when ids are first decoded."""
    content = gzip.decompress(_FILE.read_bytes())
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise WeightsError(f"{_FILE.name} is not the expected file")
    return tuple(base64.b64decode(line.split()[0]) for line in content.splitlines())
