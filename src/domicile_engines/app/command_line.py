"""The options of `python -m domicile_engines`."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The checked command-line options."""

    socket: Path
    data: Path | None
    threads: int
    slots: int
    context: int
    """Tokens of prompt and answer together, per slot."""
    prompt_limit: int
    """Maximum prompt length in tokens; less than `context`."""
    idle_seconds: int
    vision_model: Path | None
    vision_mmproj: Path | None
    """Set if and only if `vision_model` is set."""
    log_level: str
    follow_parent: bool


def read_options(description: str | None) -> EngineOptions:
    """Read the options of this process. Exits with a message if one is invalid."""
    parser = argparse.ArgumentParser(prog="python -m domicile_engines", description=description)
    parser.add_argument(
        "--socket", type=Path, required=True, help="the Unix socket to serve on; created with mode 0600"
    )
    parser.add_argument("--data", type=Path, help="the region's folder; default: the folder of the socket")
    parser.add_argument("--threads", type=_positive, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--slots", type=_positive, default=4, help="generations that run at the same time")
    parser.add_argument("--context", type=_positive, default=8192, help="tokens of prompt and answer, per slot")
    parser.add_argument("--prompt-limit", type=_positive, default=7680, help="maximum prompt length in tokens")
    parser.add_argument(
        "--idle-seconds", type=_positive, default=300, help="unload a model after this time without use"
    )
    parser.add_argument("--vision-model", type=Path, help="the GGUF file of a vision model, served as 'vision'")
    parser.add_argument("--vision-mmproj", type=Path, help="the mmproj file (projector) of the vision model")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.add_argument("--follow-parent", action="store_true", help="stop when standard input ends")
    options = EngineOptions(**vars(parser.parse_args()))
    if options.prompt_limit >= options.context:
        parser.error("--prompt-limit must leave room for an answer within --context")
    if (options.vision_model is None) != (options.vision_mmproj is None):
        parser.error("--vision-model and --vision-mmproj go together")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
