"""Every path of the configuration is relative to its file, by its annotation."""

from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from domicile.settings.installation import Installation
from domicile.settings.paths import ConfigPath, with_absolute_paths

FOLDER = Path("/etc/domicile")


class Inner(BaseModel):
    file: ConfigPath | None = None
    name: str = ""


class Outer(BaseModel):
    folder: ConfigPath
    text: str = ""
    inner: Inner = Inner()
    list: tuple[Inner, ...] = ()
    maybe: Inner | None = None


def test_a_path_is_made_absolute_wherever_its_block_stands() -> None:
    values = {
        "folder": "data",
        "text": "data",
        "inner": {"file": "a/b", "name": "b"},
        "list": [{"file": "/absolute"}, {"file": "c"}],
        "maybe": {"file": "../d"},
    }
    assert with_absolute_paths(values, Outer, FOLDER) == {
        "folder": "/etc/domicile/data",
        "text": "data",
        "inner": {"file": "/etc/domicile/a/b", "name": "b"},
        "list": [{"file": "/absolute"}, {"file": "/etc/domicile/c"}],
        "maybe": {"file": "/etc/domicile/../d"},
    }
    assert values["folder"] == "data"


def test_a_value_of_another_type_is_left_to_validation() -> None:
    values: dict[str, Any] = {"folder": 1, "inner": "x", "list": {"file": "a"}, "unknown": "y"}
    assert with_absolute_paths(values, Outer, FOLDER) == values | {"list": {"file": "/etc/domicile/a"}}
    assert with_absolute_paths([1], Outer, FOLDER) == [1]


def test_no_path_of_the_configuration_has_another_type() -> None:
    blocks: list[type[BaseModel]] = [Installation]
    seen: set[type[BaseModel]] = set()

    def walk(annotation: Any) -> None:
        assert annotation is not Path, "a bare Path stays relative to the process's folder: use ConfigPath"
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            blocks.append(annotation)
        for argument in get_args(annotation) if annotation != ConfigPath else ():
            walk(argument)

    while blocks:
        block = blocks.pop()
        if block not in seen:
            seen.add(block)
            for field in block.model_fields.values():
                walk(field.rebuild_annotation())
    assert len(seen) > 10
