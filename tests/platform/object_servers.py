"""Real servers of object stores, over TLS on loopback: moto for S3 and KMS, Azurite for Azure Blob."""

import base64
import hashlib
import hmac
import itertools
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.platform.certificates import Issuer
from tests.platform.node import FOLDER as NODE_FOLDER
from tests.platform.node import NODE
from tests.platform.processes import eventually, free_ports

AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = base64.b64encode(b"a key of the tests' own, of 32 bytes and more").decode("ascii")
S3_KEY_ID, S3_SECRET, S3_REGION = "test-key-id", "test-secret", "eu-central-1"
_AZURE_VERSION = "2021-10-04"


@dataclass
class ObjectServer:
    """A running server. `url` is what a region's configuration names."""

    url: str
    issuer: Issuer
    process: "subprocess.Popen[bytes]"
    log: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _buckets: list[str] = field(default_factory=list)

    def _request(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        with urllib.request.urlopen(request, context=self.issuer.client()) as answer:
            content: bytes = answer.read()
        return content

    def _answers(self) -> bool:
        try:
            self._request("GET", "/", {})
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


class S3Server(ObjectServer):
    """moto."""

    def bucket(self) -> str:
        """A new bucket."""
        name = f"bucket-{next(self._numbers)}"
        self._request("PUT", f"/{name}", {})
        self._buckets.append(name)
        return name

    def kms_key(self) -> str:
        """The id of a new key of moto's KMS."""
        return self.kms_arn().rpartition("/")[2]

    def kms_arn(self, region: str = S3_REGION) -> str:
        """The ARN of a new key of moto's KMS."""
        return str(self._kms("CreateKey", region)["KeyMetadata"]["Arn"])

    def enable_key(self, arn: str, enabled: bool) -> None:
        """What a customer does to take a key away, and to give it back."""
        self._kms("EnableKey" if enabled else "DisableKey", arn.split(":")[3], KeyId=arn.rpartition("/")[2])

    def forbid(self, bucket: str, forbidden: bool) -> None:
        """What a customer does to take a bucket away, and to give it back."""
        if not forbidden:
            self._request("DELETE", f"/{bucket}?policy", {})
            return
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resources}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        self._request("PUT", f"/{bucket}?policy", {"content-type": "application/json"}, policy.encode())

    def names_in(self, bucket: str) -> list[str]:
        """The names of all objects of a bucket."""
        return re.findall(r"<Key>([^<]*)</Key>", self._request("GET", f"/{bucket}", {}).decode())

    def content_of(self, bucket: str, name: str) -> bytes:
        """The bytes of an object, as the bucket's owner sees them."""
        return self._request("GET", f"/{bucket}/{name}", {})

    def requests(self, having: str = "") -> int:
        """How many requests the server has answered, of those whose line in its log has this text."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return sum(" HTTP/1.1" in line and having in line for line in lines)

    def _kms(self, operation: str, region: str, **members: str) -> dict[str, Any]:
        place = f"{S3_KEY_ID}/20260101/{region}/kms/aws4_request"
        headers = {
            "x-amz-target": f"TrentService.{operation}",
            "content-type": "application/x-amz-json-1.1",
            "authorization": f"AWS4-HMAC-SHA256 Credential={place}, SignedHeaders=host, Signature=x",
        }
        answer: dict[str, Any] = json.loads(self._request("POST", "/", headers, json.dumps(members).encode()) or b"{}")
        return answer

    def unfinished_uploads(self) -> int:
        """How many multipart uploads have begun and not ended, in all buckets."""
        return sum(self._request("GET", f"/{name}?uploads", {}).count(b"<UploadId>") for name in self._buckets)


class AzureServer(ObjectServer):
    """Azurite."""

    def bucket(self) -> str:
        """A new container. It has to be signed with the account's key (Azure's Shared Key)."""
        name = f"container-{next(self._numbers)}"
        path = f"/{AZURE_ACCOUNT}/{name}?restype=container"
        now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        signed = f"PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{now}\nx-ms-version:{_AZURE_VERSION}\n"
        signed += f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
        mac = hmac.new(base64.b64decode(AZURE_KEY), signed.encode("utf-8"), hashlib.sha256).digest()
        headers = {
            "x-ms-date": now,
            "x-ms-version": _AZURE_VERSION,
            "authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(mac).decode('ascii')}",
        }
        self._request("PUT", path, headers)
        return name


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """moto's server, while the block runs. It keeps everything in memory."""
    issuer, [port] = Issuer(folder), free_ports(1)
    command = [sys.executable, str(Path(__file__).with_name("moto_server.py")), "-H", "127.0.0.1", "-p", str(port)]
    tls = ["-c", str(issuer.certificate_file), "-k", str(issuer.key_file)]
    with _running([*command, *tls], folder) as process:
        server = S3Server(f"https://localhost:{port}", issuer, process, folder / "server.log")
        eventually(server._answers)
        yield server


@contextmanager
def azure_server(folder: Path) -> Iterator[AzureServer]:
    """Azurite, while the block runs. It keeps its data in `folder`."""
    issuer, [port] = Issuer(folder), free_ports(1)
    command = [str(NODE), str(NODE_FOLDER / "node_modules/azurite/dist/src/blob/main.js")]
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "data")]
    tls = ["--cert", str(issuer.certificate_file), "--key", str(issuer.key_file)]
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with _running([*command, *where, *tls, *quiet], folder) as process:
        server = AzureServer(f"https://localhost:{port}", issuer, process, folder / "server.log")
        eventually(server._answers)
        yield server


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
