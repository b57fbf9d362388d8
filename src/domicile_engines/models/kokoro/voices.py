"""Maps OpenAI's voice names to Kokoro's voices, which are files in `data` (licence: `data/NOTICE`)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from domicile_engines.runtime.weights import read_verified

MODEL_ID = "kokoro-82m"
_PACKAGE = "domicile_engines.models.kokoro"
_ROWS = 510
STYLE_SIZE = 256

# Eight voices for thirteen names, so some names sound the same.
KOKORO_VOICES: Mapping[str, str] = {
    "alloy": "af_alloy",
    "ash": "am_michael",
    "ballad": "bm_fable",
    "cedar": "am_onyx",
    "coral": "af_heart",
    "echo": "am_echo",
    "fable": "bm_fable",
    "marin": "af_bella",
    "nova": "af_nova",
    "onyx": "am_onyx",
    "sage": "af_bella",
    "shimmer": "af_heart",
    "verse": "am_michael",
}
_SHA256: Mapping[str, str] = {
    "af_alloy": "c4a6b876047fd7fb472edf4ebd63cfac7c3b958a7cae7c106e8f038ca6308c45",
    "af_bella": "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b",
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
    "af_nova": "18778272caa0d0eebaea251c35fd635f038434f9eee5e691d02a174bd328414f",
    "am_echo": "3968b92c3c4cd1c4416dbded36c13eaa388a90d5788d02a13e4d781f5f8cf3c3",
    "am_michael": "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1",
    "am_onyx": "da5d135b424164916d75a68ffb4c2abce3d7d5ccc82dd1ee6cf447ce286145e6",
    "bm_fable": "f889083196807b4adb15e9204252165f503b8d33d3982e681c52443c49d798f1",
}

Style = npt.NDArray[np.float32]


def read_voices() -> dict[str, Style]:
    """Kokoro's voices by OpenAI's names. Shape (510, 256): one style for each input length. Raises `WeightsError`."""
    styles = {
        name: np.frombuffer(read_verified((_PACKAGE, f"data/{name}.bin", digest)), np.float32).reshape(
            _ROWS, STYLE_SIZE
        )
        for name, digest in _SHA256.items()
    }
    return {name: styles[kokoro] for name, kokoro in KOKORO_VOICES.items()}
