"""Reads `domicile.toml`. Relative paths in it are relative to the file."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from domicile.settings.installation import Installation


class SettingsError(Exception):
    """The configuration cannot be used. The text says where and why."""


def load_installation(file: Path) -> Installation:
    """The checked configuration. Raises `SettingsError` with every problem found, one to a line."""
    return check_installation(read_document(file), file)


def read_document(file: Path) -> dict[str, Any]:
    """What the file says, unchecked. Raises `SettingsError` when it cannot be read as TOML."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error


def check_installation(values: dict[str, Any], file: Path) -> Installation:
    """The checked configuration of values that came from `file`. Raises `SettingsError` as `load_installation`."""
    try:
        return Installation.model_validate(_with_absolute_paths(values, file.resolve().parent))
    except ValidationError as error:
        lines = [f"{file}: {'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise SettingsError("\n".join(lines)) from error


_PATH_MEMBERS = frozenset(
    {
        "data",
        "socket",
        "operator_key_file",
        "admin_key_file",
        "enrollment_token_file",
        "catalogue_file",
        "database_password_file",
        "api_key_file",
        "ca_file",
        "tls_certificate_file",
        "tls_key_file",
        "boundary_ca_file",
        "vision_model",
        "vision_mmproj",
    }
)


def _with_absolute_paths(value: Any, base: Path) -> Any:
    if isinstance(value, dict):
        return {
            key: str(base / item)
            if key in _PATH_MEMBERS and isinstance(item, str)
            else _with_absolute_paths(item, base)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_absolute_paths(item, base) for item in value]
    return value
