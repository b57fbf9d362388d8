"""Runs a vision model on llama.cpp: a text model and its projector (mmproj), both files of the operator."""

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import xllamacpp

from domicile_engines.runtime.llama.server import (
    EngineError,
    LlamaSettings,
    private_socket,
    remove_private_socket,
    server_parameters,
)
from domicile_engines.runtime.weights import WeightsError

CONTEXT_TOKENS = 4096
"""Maximum length of prompt, images and answer together."""


@dataclass(frozen=True)
class VisionFiles:
    """The files that the operator configured."""

    model: Path
    mmproj: Path


class VisionModel:
    """The loaded model. It runs one generation at a time."""

    def __init__(self, files: VisionFiles, private_directory: Path, threads: int) -> None:
        """Load both files. Blocks for seconds. Raises `WeightsError`, or `EngineError` for a socket path that is too long."""
        for file in (files.model, files.mmproj):
            if not file.is_file():
                raise WeightsError(f"{file} does not exist")
        self._socket = private_socket(private_directory)
        settings = LlamaSettings(files.model, private_directory, 1, CONTEXT_TOKENS, threads)
        parameters = server_parameters(settings, self._socket, secrets.token_urlsafe(32))
        parameters.mmproj.path = str(files.mmproj)
        parameters.mmproj_use_gpu = False
        parameters.use_jinja = True
        try:
            self._server = xllamacpp.Server(parameters)
        except RuntimeError as error:
            remove_private_socket(self._socket)
            raise WeightsError(f"llama.cpp cannot load {files.model} with {files.mmproj}") from error
        self.fingerprint = f"fp_{_sha256(files.model)[:12]}"

    def generate(self, body: dict[str, Any], deliver: Callable[[str], object], left: threading.Event) -> None:
        """Generate, and call `deliver` with each chunk. Blocks. Raises `EngineError` if llama.cpp refuses the call.

        Stops at the next token after `left` is set. llama.cpp cannot stop while it reads an image.
        """

        def forward(chunk: str) -> bool:
            deliver(chunk)
            return left.is_set()

        try:
            self._server.handle_chat_completions(msgspec.json.encode(body).decode(), forward)
        except ValueError:
            # `from None`, because the message quotes the request.
            raise EngineError("llama.cpp refused the call") from None

    def close(self) -> None:
        """Unload the model and remove its socket and private folder."""
        del self._server
        remove_private_socket(self._socket)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
