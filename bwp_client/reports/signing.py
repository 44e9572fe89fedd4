"""Signatures of published reports: Ed25519 over the bytes of the manifest, in a file of 64 bytes that OpenSSL verifies."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bwp_client.errors import SettingsError

_PEM = "-----BEGIN"
_MAX_BYTES = 10_000
_MAKE_PRIVATE = "openssl genpkey -algorithm ed25519 -out key.pem"
_MAKE_PUBLIC = "openssl pkey -in key.pem -pubout -out public.pem"


def private_key(value: str) -> Ed25519PrivateKey:
    """Return the key that signs reports.

    Args:
        value: The text of a PEM file, or the path of the file.

    Raises:
        SettingsError: The file can't be read, or holds no such key. The message never quotes the value.
    """
    name, advice = "BWP_REPORT__SIGNING_KEY", f"Make a key with `{_MAKE_PRIVATE}`."
    try:
        key = load_pem_private_key(_pem(value, name), password=None)
    except TypeError:
        raise _wrong(name, "its key is encrypted", "Store the key without a passphrase.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong(name, "it holds no private key in PEM format", advice) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong(name, "its key is of another type than Ed25519", advice)
    return key


def public_key(value: str, name: str) -> Ed25519PublicKey:
    """Return the key that verifies signatures.

    Args:
        value: The text of a PEM file, or the path of the file.
        name: The setting or option that holds the value, for messages.

    Raises:
        SettingsError: The file can't be read, or holds no such key. The message never quotes the value.
    """
    advice = f"Make the public key with `{_MAKE_PUBLIC}`."
    try:
        key = load_pem_public_key(_pem(value, name))
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong(name, "it holds no public key in PEM format", advice) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _wrong(name, "its key is of another type than Ed25519", advice)
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return `sha256:` and the digest of the key in DER format, as `openssl pkey -pubin -outform DER | sha256sum` does."""
    text = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def is_signed_by(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    """Return whether a signature of a text was made with the private half of a key."""
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _pem(value: str, name: str) -> bytes:
    if value.lstrip().startswith(_PEM):
        return value.encode()
    try:
        with Path(value).expanduser().open("rb") as stream:
            return stream.read(_MAX_BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise _wrong(name, f"its file can't be read ({reason})", "Name a file that this user can read.") from None


def _wrong(name: str, reason: str, advice: str) -> SettingsError:
    return SettingsError(f"{name} can't be used: {reason}. Nothing was made. {advice}")
