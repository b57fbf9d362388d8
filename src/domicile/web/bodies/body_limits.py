"""The size limit of bodies, by path. The longest matching prefix counts.

A body is refused with 413 as soon as it is known to be larger.
"""

from collections.abc import Mapping

KIB = 1024
MIB = 1024 * KIB

BODY_LIMITS: Mapping[str, int] = {
    # Images are in the body, as base64.
    "/v1/chat/completions": 20 * MIB,
    "/v1/completions": 4 * MIB,
    # A file of 25 MiB and the other fields. The rest is room for a file slightly above its limit, so that the error names it.
    "/v1/audio/transcriptions": 28 * MIB,
    "/v1/audio/translations": 28 * MIB,
    "/v1/audio/speech": 64 * KIB,
    # 300,000 tokens, as text or as numbers.
    "/v1/embeddings": 4 * MIB,
    # 4,000 characters, each as the longest JSON escape.
    "/v1/images/generations": 64 * KIB,
    # Images are in the body, as base64.
    "/v1/moderations": 20 * MIB,
    # A file of 512 MiB and what surrounds it.
    "/v1/files": 514 * MIB,
    # The ids of a thousand parts.
    "/v1/uploads": 64 * KIB,
    "/v1/uploads/{upload_id}/parts": 66 * MIB,
    # Sixteen pairs of metadata, each character as its longest JSON escape.
    "/v1/batches": 128 * KIB,
    "/v1/organization": 64 * KIB,
    "/operator/v1": 64 * KIB,
    # Far above any usage report, which covers a few seconds of one process.
    "/boundary/v1": 16 * MIB,
    # Callers of these two are not authenticated yet.
    "/boundary/v1/enroll": 64 * KIB,
    "/boundary/v1/time": 64 * KIB,
}


def body_limit(path: str) -> int:
    """The limit in bytes. Raises KeyError for a path that is not in the table, since it takes no body."""
    known = [beginning for beginning in BODY_LIMITS if path == beginning or path.startswith(f"{beginning}/")]
    if not known:
        raise KeyError(path)
    return BODY_LIMITS[max(known, key=len)]
