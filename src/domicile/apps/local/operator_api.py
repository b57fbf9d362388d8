"""The supervisor's client of the operator API: lists enrolled regions and creates enrollment tokens."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from domicile.apps.local.child import StartError

_RETRY_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
_ATTEMPT_SECONDS = 5.0


class OperatorApi:
    """A client of the operator API, as an async context manager. Calls raise `StartError` for a refusal or no answer."""

    def __init__(self, url: str, key_file: Path) -> None:
        """Raises `StartError` if the key file cannot be read."""
        try:
            key = key_file.read_text("ascii").strip()
        except OSError as error:
            raise StartError(
                f"the control plane answers, but its operator key cannot be read from {key_file}: {error.strerror}"
            ) from None
        self._session = aiohttp.ClientSession(
            url, headers={"Authorization": f"Bearer {key}"}, timeout=aiohttp.ClientTimeout(total=_ATTEMPT_SECONDS)
        )

    async def __aenter__(self) -> "OperatorApi":
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def enrolled_regions(self) -> set[str]:
        """The codes of the enrolled regions."""
        answer = await self._call("GET", "/operator/v1/regions")
        return {region["code"] for region in answer["data"] if region["enrolled"]}

    async def enrollment_token(self, code: str) -> str:
        """Create a token for one enrollment of this region."""
        answer = await self._call("POST", f"/operator/v1/regions/{code}/enrollment_tokens")
        return str(answer["token"])

    async def _call(self, method: str, path: str) -> dict[str, Any]:
        """Call, and retry for up to 30 s while the control plane restarts."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    try:
                        return await self._once(method, path)
                    except (aiohttp.ClientError, TimeoutError):
                        await asyncio.sleep(_RETRY_SECONDS)
        except TimeoutError:
            raise StartError(f"the control plane did not answer {method} {path}") from None

    async def _once(self, method: str, path: str) -> dict[str, Any]:
        async with self._session.request(method, path) as answer:
            if answer.status >= 300:
                # The control plane's error texts contain no secrets.
                raise StartError(
                    f"the control plane answered {answer.status} to {method} {path}: {await answer.text()}"
                )
            content: dict[str, Any] = await answer.json()
            return content
