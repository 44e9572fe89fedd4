"""The address of a warehouse, without the characters that Delta Lake reads in a way of its own.

Delta Lake turns every address into a URL: some characters make it panic, and others make it write to another place.
"""

from __future__ import annotations

import re

from bwp_client.addresses import storage_address
from bwp_client.aws import split_s3
from bwp_client.errors import UsageError

_UNUSABLE = re.compile(r"[\[\]^|\\\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
_UNUSABLE_ON_S3 = re.compile(r"[#?%]|//|(?:^|/)\.\.?(?:/|$)")


def warehouse_address(uri: str) -> str:
    """Return the normal form of the address of a warehouse: an absolute path, or `s3://bucket/prefix`.

    Raises:
        UsageError: The address has another scheme, names another machine or no bucket, or has a part that Delta Lake
            can't use.
    """
    address = storage_address(uri, "the warehouse")
    found = _UNUSABLE.search(address)
    if address.startswith("s3://"):
        found = found or _UNUSABLE_ON_S3.search(split_s3(address)[1])
    if found:
        raise UsageError(
            f"The warehouse can't be at {address!r}: Delta Lake can't use {found[0]!r} in the address of a table. "
            "Nothing was read or written. Write an address without them."
        )
    return address
