"""Where the control plane is, and with which keys: from a data folder, or from the environment."""

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
    """One installation. Keys are read when they are needed: an admin needs no operator key."""

    url: str
    endpoints: dict[str, Any] | None
    """What `domicile up` wrote, when that is where this comes from."""
    folder: Path

    def admin(self) -> Api:
        """With the admin key of an organization."""
        return Api(self.url, self._key("admin_key_file", _ADMIN_KEY))

    def operator(self) -> Api:
        """With the operator key."""
        return Api(self.url, self._key("operator_key_file", _OPERATOR_KEY))

    def region(self, code: str) -> Api:
        """A region, with the key of a project in it. That key comes from the environment only."""
        return Api(self._region_url(code), _from_environment(_PROJECT_KEY))

    def _region_url(self, code: str) -> str:
        if self.endpoints is not None:
            urls = {name: region["url"] for name, region in self.endpoints["regions"].items()}
        else:
            urls = {region["code"]: f"{region['public_url']}/v1" for region in regions(self)}
        if code not in urls:
            raise CommandError(f"there is no region '{code}'. There are: {', '.join(urls)}.")
        return str(urls[code])

    def _key(self, member: str, variable: str) -> str:
        if self.endpoints is None:
            return _from_environment(variable)
        return _from_file(self.folder / self.endpoints[member])


def connect(data: Path | None) -> Connection:
    """`--data` if given, else the environment if it names a control plane, else the folder that `up` uses by default."""
    if data is None and (url := os.environ.get(_URL)):
        return Connection(url, None, Path())
    folder = data or DEFAULT_DATA
    file = folder / "endpoints.json"
    try:
        endpoints: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return Connection(endpoints["control"]["url"], endpoints, folder)
    except OSError as error:
        raise CommandError(
            f"cannot read {file}: {error.strerror}. Start 'domicile up' first, name its folder with --data, "
            f"or name a control plane in {_URL}."
        ) from None
    except (ValueError, KeyError, TypeError):
        raise CommandError(f"{file} is damaged. 'domicile up' writes it anew when it starts.") from None


def regions(connection: Connection) -> list[dict[str, Any]]:
    """Every region of the installation, as the operator sees it."""
    return connection.operator().whole("/operator/v1/regions")


def _from_environment(variable: str) -> str:
    if key := os.environ.get(variable, "").strip():
        return key
    if file := os.environ.get(f"{variable}_FILE"):
        return _from_file(Path(file))
    raise CommandError(
        f"a key is missing: put it into {variable}, or the name of a file that holds it into {variable}_FILE"
    )


def _from_file(file: Path) -> str:
    try:
        key = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a key"
        raise CommandError(f"cannot read the key in {file}: {reason}") from None
    if not key:
        raise CommandError(f"{file} is empty, and should hold a key")
    return key
