"""Model files that come inside packages: where they lie, and proof that they are the ones we measured."""

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path


class WeightsError(Exception):
    """The model file is absent, or is not the expected one."""


@dataclass(frozen=True)
class Weights:
    """A verified model file."""

    path: Path
    sha256: str

    @property
    def fingerprint(self) -> str:
        """OpenAI's `system_fingerprint`: it changes when the weights do, and only then."""
        return f"fp_{self.sha256[:12]}"


def locate(package: str, file: str) -> Path:
    """Find a file without importing its package: some packages bring a runtime of their own, which nobody needs twice."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the package {package} is not installed")
    path = Path(spec.submodule_search_locations[0]) / file
    if not path.is_file():
        raise WeightsError(f"{path} does not exist")
    return path


def verify(path: Path, expected: str) -> Weights:
    """Read the file once and compare its digest: a model that answers customers is a known one."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise WeightsError(f"{path} has sha256 {digest}, expected {expected}")
    return Weights(path, digest)


def read_verified(*parts: tuple[str, str, str]) -> bytes:
    """A file that comes in parts (package, file, sha256), put together in memory; each part is compared with its digest."""
    whole = io.BytesIO()
    for package, file, expected in parts:
        path = locate(package, file)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != expected:
            raise WeightsError(f"{path} has sha256 {digest}, expected {expected}")
        whole.write(content)
    # Shares the buffer: a model's file is not in memory twice.
    return whole.getvalue()
