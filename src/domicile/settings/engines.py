"""The engines of a region, as `domicile.toml` names them (docs/engines.md has an example for each kind)."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from domicile.catalogue.endpoints import Endpoint
from domicile.settings.paths import ConfigPath
from domicile.settings.values import Country, HttpUrl, SettingsBlock, is_loopback

Vendor = Literal["openai_compatible", "azure_openai", "openai"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
UpstreamId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]

# The parameters that request each capability. An engine without it is passed over, or the parameter is refused.
_TOOLS = frozenset({"tools", "tool_choice", "functions", "function_call", "parallel_tool_calls"})
_LOGPROBS = frozenset({"logprobs", "top_logprobs"})
JSON_SCHEMA = {"response_format.json_schema": "response_format", "tools[].function.strict": "tools"}
"""Members that request Structured Outputs (contract C28), and the parameters that contain them."""

_NOT_ON_AZURE = frozenset({Endpoint.MODERATIONS})


class EngineSettings(SettingsBlock):
    """One engine of a region: any server with OpenAI's API, in the vendor's variant."""

    name: Name
    label: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")]
    """The engine's public name: in the header `domicile-engine` and in `/v1/models`."""
    country: Country
    operator: Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,128}$")]

    vendor: Vendor = "openai_compatible"
    """The variant of OpenAI's API: the form of its URLs and headers."""
    url: HttpUrl | None = None
    """The engine's URL, with or without a path, with or without `/v1` at its end."""
    private_network: bool = False
    """Whether the network to the engine is private. Required for an `http` URL beyond loopback, so that no prompt crosses a
    network unencrypted by mistake."""
    socket: ConfigPath | None = None
    """The engine's Unix socket, in place of `url`."""
    ca_file: ConfigPath | None = None
    """Certificates to trust for this engine, in place of the system's."""
    api_key_file: ConfigPath | None = None
    """The file with the key that is sent to the engine. Read again when it changes, and never logged."""
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")] | None = None
    """The environment variable with this key, read at the start."""
    api_version: Annotated[str, Field(pattern=r"^(v1|20\d\d-\d\d-\d\d(-preview)?)$")] | None = None
    """Required for Azure, and for Azure only: a date for deployment URLs, or `v1` for the API without versions."""
    organization: UpstreamId | None = None
    """OpenAI's id of the organization that pays, sent with every request. Not an organization of this platform."""
    project: UpstreamId | None = None
    """OpenAI's id of the project that pays, sent with every request. Not a project of this platform."""
    health_path: Annotated[str, Field(pattern=r"^(none|/[\x21-\x7e]{0,256})$")] | None = None
    """The path of the health check. `none`: no check; only requests show whether the engine works. Default: the vendor's."""
    health_every_s: Annotated[float, Field(ge=0.1, le=3600)] | None = None
    """Seconds between two health checks. Default: the vendor's."""

    embedded: bool = False
    """Whether `domicile up` starts the embedded engine server for it, on `socket`."""
    vision_model: ConfigPath | None = None
    """For an embedded engine: a vision model of the operator's own, a GGUF file. Its model name there is `vision`."""
    vision_mmproj: ConfigPath | None = None
    """The projector file of `vision_model`."""
    models: Annotated[dict[str, str], Field(min_length=1)]
    """By snapshot, the engine's model that answers for it; on Azure, the deployment."""
    endpoints: Annotated[frozenset[Endpoint], Field(min_length=1)] | None = None
    """The endpoints that it serves. None: all for which its snapshots are eligible."""
    equivalence_group: Name | None = None
    """Engines of one group may stand in for each other. Required when two engines serve the same snapshot."""

    modalities: frozenset[Literal["text", "image", "audio"]] = frozenset({"text"})
    tools: bool = True
    json_schema: bool = True
    """Whether it can force an answer to match a JSON schema."""
    logprobs: bool = True
    unsupported_parameters: frozenset[str] = frozenset()
    """Further parameters that it cannot honour. A request that needs one of them is not sent to it."""
    cache_salt: bool = False
    """Whether the engine separates prompt caches by a `cache_salt` member. If it cannot, its prompt cache must be off."""

    connect_timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    first_byte_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 300.0
    idle_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    max_concurrency: Annotated[int, Field(ge=1, le=4096)] = 256
    """Requests that each process of the region sends to it at once."""
    batch_share: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """The part of `max_concurrency` that lines of batches may take at most, at least one place. Places that are merely free
    do not become free in time for interactive requests when the lines are long."""
    preemptive: bool = False
    """Whether the engine interrupts requests for others with a lower `priority`: lines of batches for interactive requests, and
    both for Scale Tier traffic. Lines may then take all places."""
    scale_share: Annotated[float, Field(gt=0, lt=1)] = 0.25
    """The part of `max_concurrency` that is kept for Scale Tier traffic while a project has bought capacity of one of the
    engine's models: at least one place, and never all."""
    max_queue: Annotated[int, Field(ge=0, le=65536)] = 256
    """Requests that may wait for one of these places. Further ones get 503."""
    queue_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0

    @model_validator(mode="after")
    def _one_address(self) -> "EngineSettings":
        if (self.url is None) == (self.socket is None):
            raise ValueError("an engine has either a url or a socket")
        if self.embedded and self.socket is None:
            raise ValueError("an embedded engine has a socket, not a url")
        if self.embedded and self.vendor != "openai_compatible":
            raise ValueError("an embedded engine has no vendor")
        if (self.vision_model is None) != (self.vision_mmproj is None):
            raise ValueError("vision_model and vision_mmproj go together")
        if self.vision_model is not None and not self.embedded:
            raise ValueError("vision_model belongs to an embedded engine")
        if self.api_key_file is not None and self.api_key_env is not None:
            raise ValueError("an engine's key is in api_key_file or in api_key_env, not in both")
        address = urlsplit(self.url or "")
        if self.ca_file is not None and address.scheme != "https":
            raise ValueError("ca_file belongs to an https url")
        if address.scheme == "http" and not (is_loopback(address.hostname or "") or self.private_network):
            raise ValueError(
                f"requests to '{address.hostname}' would cross a network unencrypted: give it TLS and an https url, or set "
                "private_network = true if the network is private"
            )
        return self

    @model_validator(mode="after")
    def _one_rule_for_lines(self) -> "EngineSettings":
        if self.preemptive and "batch_share" in self.model_fields_set:
            raise ValueError("lines of batches may take all places of a preemptive engine: remove batch_share")
        if self.preemptive and "scale_share" in self.model_fields_set:
            raise ValueError("a preemptive engine puts Scale Tier traffic first by itself: remove scale_share")
        return self

    @model_validator(mode="after")
    def _as_its_vendor_is(self) -> "EngineSettings":
        if (self.api_version is not None) != (self.vendor == "azure_openai"):
            raise ValueError(
                "an engine with vendor = 'azure_openai' needs api_version, and no other engine may have it"
            )
        if (self.organization or self.project) and self.vendor != "openai":
            raise ValueError("organization and project belong to an engine with vendor = 'openai'")
        if self.vendor == "openai_compatible":
            return self
        address = urlsplit(self.url or "")
        if address.scheme != "https" and not is_loopback(address.hostname or ""):
            raise ValueError(f"an engine with vendor = '{self.vendor}' needs an https url")
        if self.api_key_file is None and self.api_key_env is None:
            raise ValueError(f"an engine with vendor = '{self.vendor}' needs a key: api_key_file or api_key_env")
        if self.cache_salt:
            raise ValueError(f"vendor = '{self.vendor}' does not support cache_salt")
        if self.preemptive:
            raise ValueError(f"vendor = '{self.vendor}' does not support priorities: remove preemptive")
        if self.vendor == "azure_openai" and self.endpoints is not None and self.endpoints & _NOT_ON_AZURE:
            raise ValueError(f"Azure OpenAI does not serve {', '.join(sorted(self.endpoints & _NOT_ON_AZURE))}")
        return self

    def scale_places(self, places: int) -> int:
        """Of a process's places, those kept for Scale Tier traffic; never all of them.

        A preemptive engine needs none: it interrupts other requests for it.
        """
        if self.preemptive:
            return 0
        return max(0, min(places - 1, max(1, int(places * self.scale_share))))

    @property
    def refused_parameters(self) -> frozenset[str]:
        """The names of all parameters that it cannot honour."""
        return (
            self.unsupported_parameters
            | (frozenset() if self.tools else _TOOLS)
            | (frozenset() if self.logprobs else _LOGPROBS)
            | (frozenset() if self.json_schema else JSON_SCHEMA.keys())
        )

    def serves(self, endpoint: Endpoint, snapshot: str) -> bool:
        """Whether a model is bound to the snapshot, and the engine serves the endpoint."""
        if snapshot not in self.models or (self.vendor == "azure_openai" and endpoint in _NOT_ON_AZURE):
            return False
        return self.endpoints is None or endpoint in self.endpoints


def group_problems(engines: Sequence[EngineSettings]) -> Iterator[str]:
    """The errors in the equivalence groups of a region's engines: only a named group lets engines stand in (design 4.5)."""
    if sum(engine.vision_model is not None for engine in engines) > 1:
        yield "a region's engine process has one vision model: name it in one embedded engine only"
    for one, other in combinations(engines, 2):
        together = one.equivalence_group is not None and one.equivalence_group == other.equivalence_group
        if together and one.embedded is not other.embedded:
            yield (
                f"engines '{one.name}' and '{other.name}' are in one equivalence group, and only one of them is embedded: "
                "an embedded model never stands in for another engine"
            )
        shared = sorted(
            snapshot
            for snapshot in one.models.keys() & other.models.keys()
            if any(one.serves(endpoint, snapshot) and other.serves(endpoint, snapshot) for endpoint in Endpoint)
        )
        if shared and not together:
            yield (
                f"engines '{one.name}' and '{other.name}' both serve '{shared[0]}': give both the same equivalence_group if "
                "each may stand in for the other, or let only one of them serve it"
            )
