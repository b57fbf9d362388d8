"""The built-in configuration for trying Domicile out on one machine: two regions with small models."""

from typing import Any

from domicile.catalogue.catalogue import Catalogue
from domicile.catalogue.endpoints import Endpoint

EMBEDDED_CHAT_MODEL = "smollm2-135m-instruct"

UNSUPPORTED_BY_EMBEDDED_CHAT = [
    "audio",
    "logit_bias",
    "modalities",
    "prediction",
    "reasoning_effort",
    "suffix",
    "verbosity",
]
"""Parameters of chat and completions that the embedded engine refuses (see each endpoint's `capability.py`)."""

UNSUPPORTED_BY_EMBEDDED_AUDIO = ["include", "instructions", "keywords", "languages"]
"""Parameters of the audio endpoints that the embedded engine refuses (see each endpoint's `capability.py`)."""

HEAD = """\
`domicile up` writes this file at each start, for trying Domicile out. The next start overwrites any change.

The names of OpenAI's models are bound below to small models that run on any machine, so that everything can be tried at
once. These bindings are only for trying out: your own configuration replaces them all. To write one, copy this file,
change the copy and start it with `domicile up --config COPY`."""

COMMENTS = {
    "home": "The region whose country holds the control plane: keys, agreements, usage. Never content.",
    "default_region": "The region of a project that is created without one.",
    "control": "The control plane.",
    "boundary": "Where the regions fetch their snapshots and report usage. It has its own port, separate from the Admin API.",
    "first_organization": "`agreement`: whether the first organization is created with an Enterprise agreement and Zero Data "
    "Retention.\nWithout them it gets no project in a region that requires them.",
    "regions": "This block is all that a region needs: to add a region, add a block. The code, residency and countries\n"
    "of a region cannot change after its first start.",
    "residency": "The value with which an admin creates a project here; `geography` is the value of OpenAI's older field.",
    "countries": "Where this region may process and store data: a named set, or countries. Everything it uses must be there.",
    "requires": "The agreements that an organization needs for a project here.",
    "allows_storing": "Whether requests with `store: true` are allowed here.",
    "engines": "An engine is any OpenAI-compatible server, at a `url` or a `socket`. With `embedded`, it is a model of\n"
    "Domicile's own engine server; `domicile up` starts one server for each region.",
    "country": "The operator declares it and is responsible for it. On a laptop every engine runs on this machine; the\n"
    "declared countries only let you try the regions' rules.",
    "label": "The engine's public name, in the header `domicile-engine` and in GET /v1/models.",
    "models": "The engine's model for each model name of the API.",
    "unsupported_parameters": "The region refuses these parameters without calling the engine.",
    "first_byte_timeout_s": "Seconds until the first byte of a reply. A long recording takes long on a small machine.",
    "idle_timeout_s": "Seconds that a reply may pause.",
    "cache_salt": "The engine keeps the prompt caches of projects apart.",
}


def laptop_document(catalogue: Catalogue) -> dict[str, Any]:
    """The configuration document. `placement` adds the ports, URLs and folders."""
    return {
        "home": "us",
        "default_region": "us",
        "control": {"country": "US"},
        "regions": [
            {
                "code": "us",
                "residency": "US_STORAGE_PROCESSING",
                "geography": "US",
                "countries": ["US"],
                "requires": [],
                "allows_storing": True,
                "engines": _embedded_engines(catalogue, "us", "US"),
            },
            {
                "code": "eu",
                "residency": "EU_STORAGE_PROCESSING",
                "geography": "EU",
                "countries": ["EEA+CH"],
                "requires": ["enterprise", "zdr"],
                "allows_storing": False,
                "engines": _embedded_engines(catalogue, "eu", "DE"),
            },
        ],
    }


def _embedded_engines(catalogue: Catalogue, region: str, country: str) -> list[dict[str, Any]]:
    """One block for each kind of model. The region's single engine process serves them all."""

    def block(kind: str, model: str, *endpoints: Endpoint, **settings: Any) -> dict[str, Any]:
        names = [name for endpoint in endpoints for name in catalogue.eligible_models(endpoint, region)]
        return {
            "name": f"embedded-{kind}",
            "label": model,
            "country": country,
            "operator": "this machine",
            "embedded": True,
            # The engine accepts this many requests of one project. Further requests wait in the region.
            "max_concurrency": 64,
            **settings,
            "models": dict.fromkeys(names, model),
        }

    return [
        block(
            "chat",
            EMBEDDED_CHAT_MODEL,
            Endpoint.CHAT_COMPLETIONS,
            Endpoint.COMPLETIONS,
            modalities=["text"],
            unsupported_parameters=UNSUPPORTED_BY_EMBEDDED_CHAT,
            cache_salt=True,
            # The longest prompt takes minutes to read on a small machine.
            first_byte_timeout_s=900,
        ),
        block("images", "procedural-sketch", Endpoint.IMAGES_GENERATIONS),
        block(
            "transcription",
            "whisper-base",
            Endpoint.AUDIO_TRANSCRIPTIONS,
            Endpoint.AUDIO_TRANSLATIONS,
            unsupported_parameters=UNSUPPORTED_BY_EMBEDDED_AUDIO,
            first_byte_timeout_s=1800,
        ),
        block(
            "speech",
            "kokoro-82m",
            Endpoint.AUDIO_SPEECH,
            idle_timeout_s=300,
            unsupported_parameters=UNSUPPORTED_BY_EMBEDDED_AUDIO,
        ),
        block("embeddings", "all-minilm-l6-v2", Endpoint.EMBEDDINGS, first_byte_timeout_s=900),
        block("moderation", "domicile-moderation", Endpoint.MODERATIONS, modalities=["text", "image"]),
    ]
