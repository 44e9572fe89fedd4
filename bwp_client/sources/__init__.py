"""The sources of events: `open_source` returns the source at an address, which lists objects and opens them."""

from __future__ import annotations

from collections.abc import Sequence

from bwp_client.addresses import path_of_uri, scheme_advice, split_scheme
from bwp_client.errors import UsageError
from bwp_client.sources.address import Scheme, SourceAddress
from bwp_client.sources.base import Source, SourceObject
from bwp_client.sources.files import FileSource
from bwp_client.sources.s3 import S3Source

__all__ = ["FileSource", "S3Source", "Scheme", "Source", "SourceAddress", "SourceObject", "open_source"]


def open_source(text: str, *, leave_out: Sequence[str] = ()) -> FileSource | S3Source:
    """Return the source behind a path, a `file:///path` or an `s3://bucket/prefix`.

    Args:
        text: The address.
        leave_out: Addresses of folders and prefixes that hold no events although they may be below the source: the
            warehouse and the published reports.

    Raises:
        SourceNotFoundError: The path does not exist.
        UsageError: The address has another scheme, is never read as events, or is one of `leave_out` or within it.
    """
    address = SourceAddress.parse(text)
    match address.scheme:
        case Scheme.S3:
            return S3Source(text, leave_out=leave_out)
        case Scheme.FILE:
            return FileSource(str(path_of_uri(text)), leave_out=leave_out)
        case Scheme.PATH:
            return FileSource(text, leave_out=leave_out)
    advice = scheme_advice(*(split_scheme(text) or ("", "")), "a path, s3://bucket/prefix, archive://NAME or sample://")
    raise UsageError(
        f"Nothing was loaded: '{text.removesuffix(address.rest)[:80]}' is not a source we read. The warehouse is unchanged. "
        f"{advice}."
    )
