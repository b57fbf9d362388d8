"""Finds model files inside installed packages, and verifies their digests."""

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path


class WeightsError(Exception):
    """A model file is absent, is not the expected one, or cannot be loaded."""


@dataclass(frozen=True)
class Weights:
    """A verified model file."""

    path: Path
    sha256: str

    @property
    def fingerprint(self) -> str:
        """OpenAI's `system_fingerprint`: derived from the digest, so it changes only with the weights."""
        return f"fp_{self.sha256[:12]}"


def locate(package: str, file: str) -> Path:
    """Find a file without importing its package, because some packages import a second model runtime.

    Raises `WeightsError` if the package or the file is absent.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the package {package} is not installed")
    path = Path(spec.submodule_search_locations[0]) / file
    if not path.is_file():
        raise WeightsError(f"{path} does not exist")
    return path


def verify(path: Path, expected: str) -> Weights:
    """Read the file and compare its digest. Raises `WeightsError` if it differs."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise WeightsError(f"{path} has sha256 {digest}, expected {expected}")
    return Weights(path, digest)


def read_verified(*parts: tuple[str, str, str]) -> bytes:
    """Join the parts of a file in memory. Each part is (package, file, sha256). Raises `WeightsError` if a digest differs."""
    whole = io.BytesIO()
    for package, file, expected in parts:
        path = locate(package, file)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != expected:
            raise WeightsError(f"{path} has sha256 {digest}, expected {expected}")
        whole.write(content)
    # `getvalue` shares the buffer, so the file is in memory only once.
    return whole.getvalue()
