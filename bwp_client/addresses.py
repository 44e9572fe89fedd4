"""Addresses of folders and of S3 prefixes as users write them; one that we can neither read nor write is refused.

Without the refusal, a mistyped scheme would become the name of a local folder, and tables or reports would be written there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

from bwp_client.errors import UsageError

S3 = "s3"
FILE = "file"
_OURS = (S3, FILE, "archive", "sample")
_SINGLE_SLASH = re.compile(rf"({'|'.join(_OURS)}):/+", re.IGNORECASE)
_LOCAL_HOSTS = ("", "localhost")


def split_scheme(text: str) -> tuple[str, str] | None:
    """Return the scheme of an address as it was written, and the rest; None for a path.

    A scheme of ours that is followed by one slash alone counts as a scheme, too: it is a slip, and never meant as a path.
    """
    scheme, separator, rest = text.partition("://")
    if separator:
        return scheme, rest
    slip = _SINGLE_SLASH.match(text)
    return (f"{slip[1]}:/", text[slip.end() :]) if slip else None


def scheme_advice(scheme: str, rest: str, others: str) -> str:
    """Return what to write instead of an address whose scheme is not accepted.

    Args:
        scheme: The scheme as it was written.
        rest: The rest of the address.
        others: What may be written at all, such as `a path or s3://bucket/prefix`.
    """
    meant = scheme.lower().removesuffix(":/")
    if meant in _OURS and meant != scheme and f"{meant}://" in f"{others} file://":
        return f"Write {meant}://{'/' if meant == FILE else ''}{rest.lstrip('/')}"
    return f"Write {others}"


def storage_address(text: str, what: str) -> str:
    """Return the normal form of the address of a folder or S3 prefix: an absolute path, or `s3://` without a final slash.

    Args:
        text: A path, `file:///path` or `s3://bucket/prefix`.
        what: What is at the address, for messages, such as `the warehouse`.

    Raises:
        UsageError: The address has another scheme, or names another machine.
    """
    found = split_scheme(text)
    if found is not None and found[0] == S3:
        return f"{S3}://{found[1].rstrip('/')}"
    return str(local_path(text, what, "a path or s3://bucket/prefix"))


def local_path(text: str, what: str, accepted: str = "a path") -> Path:
    """Return the absolute path that a path or a `file://` address names.

    Args:
        text: The path or the address.
        what: What is at the address, for messages.
        accepted: What may be written, for messages.

    Raises:
        UsageError: The address has another scheme, names another machine, or can't be a path.
    """
    if not text.strip():
        raise UsageError(f"The path of {what} is empty. Nothing was read or written. Write {accepted}.")
    found = split_scheme(text)
    if found is None:
        try:
            path = Path(text).expanduser().absolute()
        except (RuntimeError, ValueError) as error:  # the home of an unknown user
            raise UsageError(f"{text[:200]!r} can't be {what} ({error}). Nothing was read or written.") from error
    elif found[0] == FILE:
        path = path_of_uri(text)
    else:
        raise UsageError(
            f"{what[:1].upper()}{what[1:]} can't be at {text[:200]!r}. Nothing was read or written. "
            f"{scheme_advice(*found, accepted)}."
        )
    if "\0" in str(path):
        raise UsageError(f"The path of {what} holds a NUL character. Nothing was read or written. Write another path.")
    return path


def path_of_uri(uri: str) -> Path:
    """Return the path that a `file://` address names.

    Raises:
        UsageError: The address names another machine.
    """
    host, slash, path = uri.removeprefix("file://").partition("/")
    if host.lower() not in _LOCAL_HOSTS or not slash:
        raise UsageError(
            f"{uri[:200]!r} names a file of another machine, {host!r}, or no absolute path. Nothing was read or written. "
            "Write file:///path, or the path alone."
        )
    return Path(os.fsdecode(unquote_to_bytes(slash + path)))


def folder_address(text: str, what: str) -> str:
    """Return the normal form of the address of a folder, as `storage_address` does, and refuse a file.

    Raises:
        UsageError: The address has another scheme, names another machine, or is a file or a device.
    """
    address = storage_address(text, what)
    if not address.startswith("s3://"):
        try:
            is_other = Path(address).exists() and not Path(address).is_dir()
            parent = next((parent for parent in Path(address).parents if parent.exists()), None)
        except OSError as error:
            raise UsageError(
                f"{what[:1].upper()}{what[1:]} can't be at {address[:200]} ({error.strerror}). Nothing was read or written. "
                "Write another path."
            ) from error
        blocked = Path(address) if is_other else parent if parent is not None and not parent.is_dir() else None
        if blocked is not None:
            raise UsageError(
                f"{what[:1].upper()}{what[1:]} can't be at {address}: {blocked} is no folder. Nothing was read or written. "
                "Write the path of a folder; it may be a new one."
            )
    return address
