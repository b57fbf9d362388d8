"""Paths of `domicile.toml`: a relative one is relative to the folder of the file that names it."""

from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel


class _RelativeToFile:
    """Marks the annotation of a path that is relative to the configuration file."""


ConfigPath = Annotated[Path, _RelativeToFile()]
"""The type of every file and folder that the configuration names."""


def with_absolute_paths(values: Any, annotation: Any, folder: Path) -> Any:
    """A copy of the unvalidated `values` in which each `ConfigPath` of the annotated type is absolute.

    `annotation`: a block, or the annotation of one of its fields. A value of a wrong type stays as it is: the validation
    refuses it later.
    """
    if isinstance(values, dict) and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {name: field.rebuild_annotation() for name, field in annotation.model_fields.items()}
        return {
            name: with_absolute_paths(value, fields[name], folder) if name in fields else value
            for name, value in values.items()
        }
    arguments = get_args(annotation)
    if isinstance(values, str):
        return str(folder / values) if _is_path(arguments) else values
    for argument in arguments:
        if isinstance(values, list):
            values = [with_absolute_paths(value, argument, folder) for value in values]
        elif isinstance(values, dict):
            values = with_absolute_paths(values, argument, folder)
    return values


def _is_path(arguments: tuple[Any, ...]) -> bool:
    return any(isinstance(argument, _RelativeToFile) or _is_path(get_args(argument)) for argument in arguments)
