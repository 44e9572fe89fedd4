"""The sources of events: `open_source` returns the source at an address, which lists objects and opens them."""

from __future__ import annotations

from bwp_client.errors import UsageError
from bwp_client.sources.address import Scheme, SourceAddress
from bwp_client.sources.base import Source, SourceObject
from bwp_client.sources.files import FileSource, path_of
from bwp_client.sources.s3 import S3Source

__all__ = ["FileSource", "S3Source", "Scheme", "Source", "SourceAddress", "SourceObject", "open_source"]


def open_source(text: str) -> Source:
    """Return the source behind a path or an `s3://bucket/prefix`.

    Raises:
        SourceNotFoundError: The path does not exist.
        UsageError: The address has another scheme.
    """
    address = SourceAddress.parse(text)
    match address.scheme:
        case Scheme.S3:
            return S3Source(text)
        case Scheme.FILE:
            return FileSource(str(path_of(text)))
        case Scheme.PATH:
            return FileSource(text)
    raise UsageError(
        f"Nothing was loaded: '{text.removesuffix(address.rest)}' is not a source we read. "
        "Give a path, s3://bucket/prefix, archive://NAME or sample://."
    )
