"""What the supervisor asks of the control plane: which regions are enrolled, and a token for one that is not."""

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
    """The operator API of the control plane that has just been started. Use it as an async context manager."""

    def __init__(self, url: str, key_file: Path) -> None:
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
        """Codes."""
        answer = await self._call("GET", "/operator/v1/regions")
        return {region["code"] for region in answer["data"] if region["enrolled"]}

    async def enrollment_token(self, code: str) -> str:
        """A new token, good for one enrollment of this region."""
        answer = await self._call("POST", f"/operator/v1/regions/{code}/enrollment_tokens")
        return str(answer["token"])

    async def _call(self, method: str, path: str) -> dict[str, Any]:
        """Waits out a control plane that is being started again."""
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
                # The text of an error of our own control plane, which names no secret.
                raise StartError(
                    f"the control plane answered {answer.status} to {method} {path}: {await answer.text()}"
                )
            content: dict[str, Any] = await answer.json()
            return content
