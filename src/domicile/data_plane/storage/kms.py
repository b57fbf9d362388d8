"""Key management services that speak AWS KMS's API: a key never leaves its service."""

import base64
import binascii
from collections.abc import Mapping

import aiohttp
import msgspec

from domicile.data_plane.storage.aws_signature import AwsCredentials, Scope, sign_post
from domicile.data_plane.storage.region_key import RegionKeyUnavailableError
from domicile.data_plane.storage.wrapping import WrongKeyError
from domicile.kernel.clock import Clock

_FORMAT = b"\x02"
_BUSY = ("ThrottlingException", "LimitExceededException", "KeyUnavailableException", "DependencyTimeoutException")
"""What KMS answers with 400 although the same request may succeed later."""


class KmsUnreachableError(Exception):
    """The service is away or busy. Its text is a type's name."""


class KmsRefusedError(Exception):
    """The service answers, and does not let this account use the key: disabled, deleted, unknown or forbidden."""


class _Encrypted(msgspec.Struct, rename="pascal"):
    ciphertext_blob: str


class _Decrypted(msgspec.Struct, rename="pascal"):
    plaintext: str


class _Refusal(msgspec.Struct):
    kind: str = msgspec.field(name="__type", default="")


class KmsService:
    """One service, and the account with which it is used. Its methods raise `KmsUnreachableError` and `KmsRefusedError`.

    `context`: the encryption context. It is authenticated, stands in the service's audit log, and a key's policy can demand it.
    """

    def __init__(
        self, session: aiohttp.ClientSession, url: str, region: str, credentials: AwsCredentials, clock: Clock
    ) -> None:
        """`session` connects to the host of `url` only. `region`: the AWS region's name in signatures."""
        self._session = session
        self._url = url
        self._scope = Scope(region, "kms")
        self._credentials = credentials
        self._clock = clock

    async def encrypt(self, key_id: str, plain: bytes, context: Mapping[str, str]) -> bytes:
        """Return `plain` encrypted with this key. `key_id`: an id, an ARN or an alias."""
        answer = await self._call("Encrypt", key_id, {"Plaintext": base64.b64encode(plain).decode("ascii")}, context)
        try:
            return base64.b64decode(msgspec.json.decode(answer, type=_Encrypted).ciphertext_blob, validate=True)
        except (msgspec.MsgspecError, binascii.Error) as error:
            raise KmsUnreachableError(type(error).__name__) from None

    async def decrypt(self, key_id: str, encrypted: bytes, context: Mapping[str, str]) -> bytes:
        """Return what this key has encrypted. Raises `WrongKeyError` for damaged bytes, and for another key or context."""
        blob = base64.b64encode(encrypted).decode("ascii")
        answer = await self._call("Decrypt", key_id, {"CiphertextBlob": blob}, context)
        try:
            return base64.b64decode(msgspec.json.decode(answer, type=_Decrypted).plaintext, validate=True)
        except (msgspec.MsgspecError, binascii.Error) as error:
            raise KmsUnreachableError(type(error).__name__) from None

    async def _call(self, operation: str, key_id: str, members: dict[str, str], context: Mapping[str, str]) -> bytes:
        body = msgspec.json.encode({"KeyId": key_id, **members, "EncryptionContext": context})
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
            raise KmsUnreachableError(type(error).__name__) from None
        if answer.status != 200:
            raise _refused(answer.status, content)
        return content


class KmsRegionKey:
    """A `RegionKeyProvider`. KMS rotates a key by itself, so what one key id wrapped stays current."""

    def __init__(self, service: KmsService, key_id: str) -> None:
        self._service = service
        self._key_id = key_id

    async def wrap(self, key: bytes, purpose: str) -> bytes:
        """Return `key` wrapped by the service. Raises `RegionKeyUnavailableError`."""
        try:
            return _FORMAT + await self._service.encrypt(self._key_id, key, {"domicile": purpose})
        except (KmsUnreachableError, KmsRefusedError) as error:
            raise RegionKeyUnavailableError(type(error).__name__) from None

    async def unwrap(self, wrapped: bytes, purpose: str) -> bytes:
        """Return the key. Raises `RegionKeyUnavailableError`, and `WrongKeyError` for damaged bytes or another purpose."""
        if not wrapped.startswith(_FORMAT):
            raise WrongKeyError
        try:
            return await self._service.decrypt(self._key_id, wrapped[len(_FORMAT) :], {"domicile": purpose})
        except (KmsUnreachableError, KmsRefusedError) as error:
            raise RegionKeyUnavailableError(type(error).__name__) from None

    def is_current(self, wrapped: bytes) -> bool:
        """Whether this service wrapped it."""
        return wrapped.startswith(_FORMAT)


def _refused(status: int, content: bytes) -> Exception:
    """KMS answers InvalidCiphertextException for damaged bytes and for another encryption context."""
    try:
        kind = msgspec.json.decode(content, type=_Refusal).kind
    except msgspec.MsgspecError:
        kind = ""
    if kind.endswith(("InvalidCiphertextException", "IncorrectKeyException")):
        return WrongKeyError()
    if not 400 <= status < 500 or kind.endswith(_BUSY):
        return KmsUnreachableError("answered with an error")
    return KmsRefusedError()
