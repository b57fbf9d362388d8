"""How many bytes a body may have, by the path that takes it: the longest beginning of a path counts.

Bodies stream in and are refused with 413 as soon as they are known to be larger.
"""

from collections.abc import Mapping

KIB = 1024
MIB = 1024 * KIB

BODY_LIMITS: Mapping[str, int] = {
    # Images come inside, as base64.
    "/v1/chat/completions": 20 * MIB,
    "/v1/completions": 4 * MIB,
    # A file of 25 MiB and what surrounds it; with room for one that is a little too large, so that it is named as the fault.
    "/v1/audio/transcriptions": 28 * MIB,
    "/v1/audio/translations": 28 * MIB,
    "/v1/audio/speech": 64 * KIB,
    # 300,000 tokens of text, or their numbers.
    "/v1/embeddings": 4 * MIB,
    # 4,000 characters, each as long as JSON can make it.
    "/v1/images/generations": 64 * KIB,
    # Images come inside here too.
    "/v1/moderations": 20 * MIB,
    "/v1/organization": 64 * KIB,
    "/operator/v1": 64 * KIB,
    # A usage report holds a few seconds of one process: far below this.
    "/boundary/v1": 16 * MIB,
    # Whoever enrolls, or asks for the time, has shown nothing yet.
    "/boundary/v1/enroll": 64 * KIB,
    "/boundary/v1/time": 64 * KIB,
}


def body_limit(path: str) -> int:
    """The limit in bytes. Raises KeyError for a path of which the table says nothing: it takes no body."""
    known = [beginning for beginning in BODY_LIMITS if path == beginning or path.startswith(f"{beginning}/")]
    if not known:
        raise KeyError(path)
    return BODY_LIMITS[max(known, key=len)]
