"""Signs a request to an AWS service: Signature Version 4 (docs.aws.amazon.com/IAM, "Create a signed AWS API request")."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """An access key. Its `repr` shows no secret."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return "AwsCredentials(...)"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for: one service in one AWS region."""

    region: str
    service: str


def sign_post(
    credentials: AwsCredentials, scope: Scope, now_ms: int, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    """Return the headers of a POST to `/` with its signature. `headers` have lower-case names, and `host` is one of them."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    time, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    signed = {**headers, "x-amz-date": time}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    place = f"{day}/{scope.region}/{scope.service}/aws4_request"
    text = f"{_ALGORITHM}\n{time}\n{place}\n{hashlib.sha256(request.encode('utf-8')).hexdigest()}"
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = _mac(key, part)
    signature = _mac(key, text).hex()
    credential = f"Credential={credentials.key_id}/{place}"
    return {**signed, "authorization": f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"}


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).digest()
