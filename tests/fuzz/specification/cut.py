"""Cuts the official OpenAPI specification down to what is served, with exactly the schemas that this reaches.

    python -m tests.fuzz.specification.cut PATH_OF_OPENAI_OPENAPI_YAML

Prose, examples and vendor extensions are left out: no test reads them, and they are nine tenths of the bytes.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemathesis import openapi

from tests.fuzz.specification import served

SUBSET = Path(__file__).with_name("openapi-subset.json")
# Every operation of the whole specification, so that a path that is served later cannot be forgotten here.
KNOWN = Path(__file__).with_name("openapi-operations.txt")
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_REFERENCE = re.compile(r"^#/components/(\w+)/(.+)$")
_PROSE = frozenset({"description", "summary", "title", "example", "examples", "tags", "externalDocs"})
# Their members are names that the API chose, not keywords: a property may be called "description".
_NAMES = frozenset(
    {"properties", "schemas", "paths", "responses", "securitySchemes", "mapping", "parameters", "headers"}
)


def cut(whole: dict[str, Any], wanted: set[tuple[str, str]]) -> dict[str, Any]:
    """`wanted`: (shape of a path, method)."""
    paths = {}
    for path, item in whole["paths"].items():
        kept = {key: part for key, part in item.items() if key not in _METHODS or (served.shape(path), key) in wanted}
        if kept.keys() & _METHODS:
            paths[path] = kept
    reached = _reached(paths, whole["components"])
    components: dict[str, dict[str, Any]] = {"securitySchemes": whole["components"]["securitySchemes"]}
    for kind, name in sorted(reached):
        components.setdefault(kind, {})[name] = whole["components"][kind][name]
    subset = {key: whole[key] for key in ("openapi", "info", "servers", "security")}
    plain: dict[str, Any] = _without_prose({**subset, "paths": paths, "components": components})
    for responses in (operation["responses"] for item in plain["paths"].values() for operation in _operations(item)):
        for response in responses.values():
            # The format demands one.
            response.setdefault("description", "")
    plain["info"] = {key: whole["info"][key] for key in ("title", "version", "license")}
    return plain


def _operations(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (part for key, part in item.items() if key in _METHODS)


def _reached(paths: dict[str, Any], components: dict[str, Any]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    pending: list[Any] = [paths]
    while pending:
        for reference in _references(pending.pop()):
            match = _REFERENCE.match(reference)
            if match is not None and (match[1], match[2]) not in found:
                found.add((match[1], match[2]))
                pending.append(components[match[1]][match[2]])
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            elif not key.startswith("x-"):
                yield from _references(value)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def _without_prose(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, list):
        return [_without_prose(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_prose(value, names=not names and key in _NAMES)
        for key, value in node.items()
        if names or not (key in _PROSE or key.startswith("x-"))
    }


def main() -> None:
    """Writes both files beside this one."""
    parser = argparse.ArgumentParser(description="Cuts the official specification down to what is served.")
    parser.add_argument("specification", type=Path, help="openapi.yaml of github.com/openai/openai-openapi")
    whole = openapi.from_path(parser.parse_args().specification).raw_schema
    routes = [*served.region(), *served.control()]
    wanted = {(served.shape(path), method) for path, method in served.operations(routes)}
    known = sorted(f"{path} {key}" for path, item in whole["paths"].items() for key in item if key in _METHODS)
    KNOWN.write_text("\n".join(known) + "\n")
    SUBSET.write_text(json.dumps(cut(whole, wanted), indent=1) + "\n")


if __name__ == "__main__":
    main()
