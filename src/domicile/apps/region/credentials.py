"""Reads the files with which a region signs its requests to stores and key services."""

import asyncio
from pathlib import Path

from domicile.apps.region.enrollment import RegionStartError
from domicile.data_plane.storage.aws_signature import AwsCredentials


async def aws_credentials(path: Path) -> AwsCredentials:
    """The two lines of a credentials file: the access key's id, and its secret. Raises `RegionStartError`, OSError."""
    key_id, secret = await secret_lines(path, 2)
    return AwsCredentials(key_id, secret)


async def secret_lines(path: Path, count: int) -> list[str]:
    """The lines of a file that has to have so many. Raises `RegionStartError`, OSError."""
    lines = (await asyncio.to_thread(path.read_text, "utf-8")).split()
    if len(lines) != count:
        raise RegionStartError(f"{path} must hold {count} lines (docs/storage.md)")
    return lines
