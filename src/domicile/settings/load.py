"""Reads `domicile.toml`. Relative paths in it are relative to the file."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from domicile.settings.installation import Installation
from domicile.settings.moved import moved_settings
from domicile.settings.paths import with_absolute_paths


class SettingsError(Exception):
    """The configuration cannot be used. The text says where and why."""


def load_installation(file: Path) -> Installation:
    """The validated configuration. Raises `SettingsError` with every problem found, one per line."""
    return check_installation(read_document(file), file)


def read_document(file: Path) -> dict[str, Any]:
    """The values in the file, not yet validated. Raises `SettingsError` when it cannot be read as TOML."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error


def check_installation(values: dict[str, Any], file: Path) -> Installation:
    """The validated configuration of values that came from `file`. Raises `SettingsError` like `load_installation`."""
    moved = [f"{file}: {place}: {advice}" for place, advice in moved_settings(values)]
    if moved:
        raise SettingsError("\n".join(moved))
    try:
        return Installation.model_validate(with_absolute_paths(values, Installation, file.resolve().parent))
    except ValidationError as error:
        lines = [f"{file}: {'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise SettingsError("\n".join(lines)) from error
