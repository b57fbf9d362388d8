"""A region's key in a key management service that speaks AWS KMS's API: the key never leaves the service."""

import base64
import binascii

import aiohttp
import msgspec

from domicile.data_plane.storage.aws_signature import AwsCredentials, Scope, sign_post
from domicile.data_plane.storage.region_key import RegionKeyUnavailableError
from domicile.data_plane.storage.wrapping import WrongKeyError
from domicile.kernel.clock import Clock

_FORMAT = b"\x02"


class _Encrypted(msgspec.Struct, rename="pascal"):
    ciphertext_blob: str


class _Decrypted(msgspec.Struct, rename="pascal"):
    plaintext: str


class _Refusal(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")


class KmsRegionKey:
    """A `RegionKeyProvider`. KMS rotates a key by itself, so what one key id wrapped stays current."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        key_id: str,
        region: str,
        credentials: AwsCredentials,
        clock: Clock,
    ) -> None:
        """`session` connects to the host of `url` only. `region`: the AWS region's name in signatures."""
        self._session = session
        self._url = url
        self._key_id = key_id
        self._scope = Scope(region, "kms")
        self._credentials = credentials
        self._clock = clock

    async def wrap(self, key: bytes, purpose: str) -> bytes:
        """Return `key` wrapped by the service. Raises `RegionKeyUnavailableError`."""
        answer = await self._call("Encrypt", {"Plaintext": base64.b64encode(key).decode("ascii")}, purpose)
        try:
            return _FORMAT + base64.b64decode(
                msgspec.json.decode(answer, type=_Encrypted).ciphertext_blob, validate=True
            )
        except (msgspec.MsgspecError, binascii.Error):
            raise RegionKeyUnavailableError from None

    async def unwrap(self, wrapped: bytes, purpose: str) -> bytes:
        """Return the key. Raises `RegionKeyUnavailableError`, and `WrongKeyError` for damaged bytes or another purpose."""
        if not wrapped.startswith(_FORMAT):
            raise WrongKeyError
        blob = base64.b64encode(wrapped[len(_FORMAT) :]).decode("ascii")
        answer = await self._call("Decrypt", {"CiphertextBlob": blob}, purpose)
        try:
            return base64.b64decode(msgspec.json.decode(answer, type=_Decrypted).plaintext, validate=True)
        except (msgspec.MsgspecError, binascii.Error):
            raise RegionKeyUnavailableError from None

    def is_current(self, wrapped: bytes) -> bool:
        """Whether this service wrapped it."""
        return wrapped.startswith(_FORMAT)

    async def _call(self, operation: str, members: dict[str, str], purpose: str) -> bytes:
        body = msgspec.json.encode({"KeyId": self._key_id, **members, "EncryptionContext": {"domicile": purpose}})
        headers = {
            "host": self._url.partition("://")[2].rstrip("/"),
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"TrentService.{operation}",
        }
        signed = sign_post(self._credentials, self._scope, self._clock.now_ms(), headers, body)
        try:
            async with self._session.post(self._url, data=body, headers=signed, allow_redirects=False) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RegionKeyUnavailableError(type(error).__name__) from None
        if answer.status != 200:
            raise _refused(content)
        return content


def _refused(content: bytes) -> Exception:
    """KMS answers InvalidCiphertextException for damaged bytes and for another encryption context."""
    try:
        kind = msgspec.json.decode(content, type=_Refusal).kind
    except msgspec.MsgspecError:
        return RegionKeyUnavailableError()
    return WrongKeyError() if kind.endswith("InvalidCiphertextException") else RegionKeyUnavailableError()
