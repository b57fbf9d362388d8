"""Query parameters, as a closed list: a misspelt filter must not silently answer with everything."""

import datetime
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from starlette.requests import Request

from domicile.kernel import errors

Choice = TypeVar("Choice", bound=str)
Enumerated = TypeVar("Enumerated", bound=StrEnum)

MAX_TIME_S = 253_402_300_799
"""The last second of the year 9999: times beyond it are typing errors."""


_FIRST_YEAR = 1970


class Query:
    """The parameters of one request. Arrays come as `name[]=a&name[]=b` (the official SDKs) or as repeated `name=`."""

    def __init__(self, request: Request, allowed: Collection[str]) -> None:
        """Raises 400 `unknown_parameter` for a name that is not in `allowed` (arrays are named without `[]`)."""
        self._values: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            plain = name.removesuffix("[]")
            if plain not in allowed:
                raise errors.unknown_parameter(name)
            if "\0" in value:
                # PostgreSQL refuses NUL in a query, and no stored value contains it.
                raise errors.invalid_value(f"'{plain}' must not hold a NUL character.", plain)
            self._values.setdefault(plain, []).append(value)

    def text(self, name: str) -> str | None:
        """One value, or None when it is absent. Raises 400 when it is given twice."""
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise errors.invalid_value(f"'{name}' may be given only once.", name)
        return values[0]

    def texts(self, name: str) -> list[str]:
        """Every value of an array; empty when it is absent."""
        return self._values.get(name, [])

    def integer(self, name: str, *, minimum: int, maximum: int) -> int | None:
        """A whole number within its bounds, or None when it is absent."""
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 19 and minimum <= int(text) <= maximum):
            raise errors.invalid_value(f"'{name}' must be an integer from {minimum} to {maximum}.", name)
        return int(text)

    def time(self, name: str) -> int | None:
        """Unix seconds, or None when it is absent."""
        return self.integer(name, minimum=0, maximum=MAX_TIME_S)

    def date(self, name: str) -> datetime.date | None:
        """A day, as `2026-11-30`, or None when it is absent."""
        text = self.text(name)
        if text is None:
            return None
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None:
            with suppress(ValueError):
                found = datetime.date.fromisoformat(text)
                if found.year >= _FIRST_YEAR:
                    return found
        raise errors.invalid_value(f"'{name}' must be a day since {_FIRST_YEAR}, such as 2026-11-30.", name)

    def boolean(self, name: str) -> bool | None:
        """`true` or `false`, in Python's spelling too, or None when it is absent."""
        text = self.text(name)
        if text is None:
            return None
        if text not in {"true", "false", "True", "False"}:
            raise errors.invalid_value(f"'{name}' must be true or false.", name)
        return text in {"true", "True"}

    def choice(self, name: str, choices: type[Enumerated], default: Enumerated) -> Enumerated:
        """One of an enumeration's values, or the default when it is absent."""
        text = self.text(name)
        return default if text is None else _choice(name, text, choices)

    def one_of(self, name: str, choices: Iterable[str]) -> str | None:
        """One of `choices`, or None when it is absent."""
        text = self.text(name)
        return None if text is None else _choice(name, text, choices)

    def choices(self, name: str, choices: Iterable[Choice]) -> list[Choice]:
        """Every value of an array, each one of `choices`; empty when it is absent."""
        return [_choice(name, text, choices) for text in self.texts(name)]


def _choice(name: str, text: str, choices: Iterable[Choice]) -> Choice:
    for each in choices:
        if each == text:
            return each
    raise errors.invalid_value(f"'{name}' must be one of: {', '.join(choices)}.", name)
