"""What the URL maps of the region and of the Admin API serve, read from the maps themselves."""

import re
from collections.abc import Iterator
from typing import Any, cast

from starlette.routing import Route

from domicile.control_plane.http import admin_routes, boundary_routes
from domicile.data_plane.http.app import region_routes


class _Anything:
    """Stands for every handler: a URL map only passes them on."""

    def __getattr__(self, name: str) -> "_Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: object) -> "_Anything":
        return self


def region() -> list[Route]:
    """The routes of a region."""
    return region_routes(cast(Any, _Anything()))


def control() -> list[Route]:
    """The routes of the Admin API and the operator API."""
    anything = cast(Any, _Anything())
    return admin_routes(anything, anything, anything, anything)


def boundary() -> list[Route]:
    """The routes that only regions ask."""
    anything = cast(Any, _Anything())
    return boundary_routes(anything, anything)


def operations(routes: list[Route]) -> Iterator[tuple[str, str]]:
    """Each path under `/v1` as the specification writes it, without that prefix, with each of its methods."""
    for route in routes:
        if route.path.startswith("/v1/"):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield without_convertors(route.path).removeprefix("/v1"), method.lower()


def without_convertors(path: str) -> str:
    """`{model:path}` as `{model}`."""
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def shape(path: str) -> str:
    """A path whatever its parameters are called."""
    return re.sub(r"{[^}]*}", "{}", path)
