"""Wraps small secrets with a key: keys of objects, keys of projects, and texts of customers (AES-256-GCM, random nonces)."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

WRAPPING_KEY_BYTES = 32
_NONCE_BYTES = 12


class WrongKeyError(Exception):
    """The wrapped bytes are damaged, or were wrapped with another key or for another purpose. The text says nothing of them."""


def wrap(key: bytes, secret: bytes, purpose: str) -> bytes:
    """Return `secret` wrapped with `key`. `purpose` names what it belongs to; it must be given again to unwrap.

    A key wraps at most 2**32 secrets: random nonces of 96 bits are safe so far (NIST SP 800-38D, 8.3).
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, purpose.encode("utf-8"))


def unwrap(key: bytes, wrapped: bytes, purpose: str) -> bytes:
    """Return the secret. Raises `WrongKeyError`."""
    nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, sealed, purpose.encode("utf-8"))
    except (InvalidTag, ValueError):
        raise WrongKeyError from None
