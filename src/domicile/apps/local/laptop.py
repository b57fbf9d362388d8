"""The configuration for trying Domicile out on one machine: two regions, a small model in each."""

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
"""Parameters of chat and completions that the embedded engine refuses (its `capability.py` of each)."""

UNSUPPORTED_BY_EMBEDDED_AUDIO = ["include", "instructions", "keywords", "languages"]
"""Parameters of the audio endpoints that the embedded engine refuses (its `capability.py` of each)."""

HEAD = """\
Written by `domicile up` at each of its starts, for trying out. What is changed here is lost at the next start.

The names of OpenAI's models are bound below to a small model that runs on any machine, so that everything can be tried
at once. These bindings are for trying out only: a configuration of your own replaces them whole. To begin one, copy this
file, change the copy and start it with `domicile up --config COPY`."""

COMMENTS = {
    "home": "The region whose country holds the control plane: keys, agreements, usage. Never content.",
    "default_region": "Where a project is born that names no region.",
    "control": "The control plane.",
    "boundary": "Where the regions fetch their snapshots and report usage: apart from the Admin API's port.",
    "first_organization": "`agreement`: whether the first organization begins with an Enterprise agreement and Zero Data "
    "Retention.\nWithout them it gets no project in a region that requires them.",
    "regions": "A region is this block and nothing else: add a block, and there is a third one. Its code, residency and\n"
    "countries are for ever once it has been started.",
    "residency": "What an admin writes to have a project here: OpenAI's value, and that of their older field.",
    "countries": "Where this region may process and store: a set by name, or countries. Everything it uses must be in it.",
    "requires": "What an organization must have before it can have a project here.",
    "allows_storing": "Whether `store: true` may be served here.",
    "engines": "An engine is any OpenAI-compatible server, at a `url` or a `socket`. With `embedded`, it is a\n"
    "model of the engine server that comes with Domicile; `domicile up` starts one for each region.",
    "country": "Declared by the operator, who answers for it. On a laptop it is this machine whatever is declared here:\n"
    "the countries are declared so that the regions' rules can be tried.",
    "label": "What callers see of it, in the header `domicile-engine` and in GET /v1/models.",
    "models": "Which of the engine's models answers for which name.",
    "unsupported_parameters": "Refused before the engine is asked.",
    "first_byte_timeout_s": "How long an answer may take to begin, in seconds: a long recording takes long on a small machine.",
    "idle_timeout_s": "How long an answer may pause.",
    "cache_salt": "The engine keeps the prompt caches of projects apart.",
}


def laptop_document(catalogue: Catalogue) -> dict[str, Any]:
    """What to run. Where it listens and where its data lies is added by `placement`."""
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
    """One block for each kind of model: all of them are served by the region's one engine process."""

    def block(kind: str, model: str, *endpoints: Endpoint, **settings: Any) -> dict[str, Any]:
        names = [name for endpoint in endpoints for name in catalogue.eligible_models(endpoint, region)]
        return {
            "name": f"embedded-{kind}",
            "label": model,
            "country": country,
            "operator": "this machine",
            "embedded": True,
            # The engine takes as many of one project before it refuses: what waits, waits in the region.
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
