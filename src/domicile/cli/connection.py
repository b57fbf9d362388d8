"""The control plane's URL and keys, from a data folder or from the environment."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domicile.cli.api import Api
from domicile.cli.failures import CommandError

DEFAULT_DATA = Path(".domicile")
_URL = "DOMICILE_CONTROL_URL"
_ADMIN_KEY = "DOMICILE_ADMIN_KEY"
_OPERATOR_KEY = "DOMICILE_OPERATOR_KEY"
_PROJECT_KEY = "DOMICILE_API_KEY"


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection to one installation. A key is read only when it is needed: an admin needs no operator key."""

    url: str
    endpoints: dict[str, Any] | None
    """The content of the `endpoints.json` of `domicile up`. None if the URL comes from the environment."""
    folder: Path

    def admin(self) -> Api:
        """A client of the Admin API, with the admin key of an organization. Raises `CommandError` without a key."""
        return Api(self.url, self._key("admin_key_file", _ADMIN_KEY))

    def operator(self) -> Api:
        """A client of the operator API, with the operator key. Raises `CommandError` without a key."""
        return Api(self.url, self._key("operator_key_file", _OPERATOR_KEY))

    def region(self, code: str) -> Api:
        """A client of a region's API, with a project's key, which is read only from the environment.

        Raises `CommandError` for an unknown region or without a key.
        """
        return Api(self._region_url(code), _from_environment(_PROJECT_KEY))

    def _region_url(self, code: str) -> str:
        if self.endpoints is not None:
            urls = {name: region["url"] for name, region in self.endpoints["regions"].items()}
        else:
            urls = {region["code"]: f"{region['public_url']}/v1" for region in regions(self)}
        if code not in urls:
            raise CommandError(f"there is no region '{code}'. The regions are: {', '.join(urls)}.")
        return str(urls[code])

    def _key(self, member: str, variable: str) -> str:
        if self.endpoints is None:
            return _from_environment(variable)
        return _from_file(self.folder / self.endpoints[member])


def connect(data: Path | None) -> Connection:
    """Connect by `data` if given, else by DOMICILE_CONTROL_URL if set, else by the default folder of `domicile up`.

    Raises `CommandError` if the folder has no usable `endpoints.json`.
    """
    if data is None and (url := os.environ.get(_URL)):
        return Connection(url, None, Path())
    folder = data or DEFAULT_DATA
    file = folder / "endpoints.json"
    try:
        endpoints: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return Connection(endpoints["control"]["url"], endpoints, folder)
    except OSError as error:
        raise CommandError(
            f"cannot read {file}: {error.strerror}. Start 'domicile up', give its folder with --data, "
            f"or set {_URL} to the URL of a control plane."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{file} is damaged. Restart 'domicile up', which writes it again.") from None


def regions(connection: Connection) -> list[dict[str, Any]]:
    """Every region of the installation, from the operator API."""
    return connection.operator().whole("/operator/v1/regions")


def _from_environment(variable: str) -> str:
    if key := os.environ.get(variable, "").strip():
        return key
    if file := os.environ.get(f"{variable}_FILE"):
        return _from_file(Path(file))
    raise CommandError(f"a key is missing: set {variable} to the key, or {variable}_FILE to a file that contains it")


def _from_file(file: Path) -> str:
    try:
        key = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a key"
        raise CommandError(f"cannot read the key in {file}: {reason}") from None
    if not key:
        raise CommandError(f"{file} is empty: it must contain a key")
    return key
