"""Tests, before the first byte of an answer, that llama.cpp enforces a schema.

If llama.cpp cannot compile a grammar, it only warns and then ignores it. So each new schema is tested once: the model is
biased strongly towards a letter that no JSON value begins with.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from domicile_engines.runtime.engine_errors import unenforceable_schema
from domicile_engines.runtime.llama.schema import Schema
from domicile_engines.runtime.llama.server import Llama, Piece
from domicile_engines.runtime.llama.slots import Slot

_REMEMBERED_MAX = 512
_IMPOSSIBLE = "Z"
_PUSH = 1000.0


class Enforcement:
    """Remembers which schemas llama.cpp enforces, by the digests of their grammars."""

    def __init__(self, llama: Llama) -> None:
        self._llama = llama
        self._held: OrderedDict[bytes, None] = OrderedDict()
        self._impossible: int | None = None

    async def demand(self, slot: Slot, prompt: Sequence[int], schema: Schema) -> None:
        """Test a schema that is new. Raises a 400 if llama.cpp does not enforce it. `slot` must have read `prompt`."""
        digest = hashlib.sha256(schema.grammar.encode()).digest()
        if digest in self._held:
            self._held.move_to_end(digest)
            return
        if self._impossible is None:
            (self._impossible,) = await self._llama.tokenize([_IMPOSSIBLE])
        sampling = {
            "grammar": schema.grammar,
            "n_predict": 1,
            "temperature": 0.0,
            "logit_bias": [[self._impossible, _PUSH]],
        }
        async for piece in self._llama.generate(slot, prompt, sampling):
            if isinstance(piece, Piece) and piece.text.startswith(_IMPOSSIBLE):
                raise unenforceable_schema(schema.param, "it cannot be enforced; its patterns are a likely reason.")
        self._held[digest] = None
        if len(self._held) > _REMEMBERED_MAX:
            self._held.popitem(last=False)
