"""A model's entry in `GET /v1/models`."""

from typing import Any


def model_entry(name: str, owned_by: str, *capabilities: str, **more: Any) -> dict[str, Any]:
    """A model's entry in `/v1/models`. `more`: extra members, such as limits."""
    return {"id": name, "object": "model", "created": 0, "owned_by": owned_by, "capabilities": capabilities, **more}
