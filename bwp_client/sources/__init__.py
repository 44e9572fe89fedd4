"""Where events come from: `open_source` turns a URL into a source that lists objects and opens each."""

from __future__ import annotations

from bwp_client.errors import UsageError
from bwp_client.sources.base import Source, SourceObject
from bwp_client.sources.files import FileSource, path_of
from bwp_client.sources.s3 import S3Source

__all__ = ["FileSource", "S3Source", "Source", "SourceObject", "open_source"]


def open_source(url: str) -> Source:
    """Give the source behind a path or an `s3://bucket/prefix`.

    Raises:
        SourceNotFoundError: The path does not exist.
        UsageError: The URL's scheme is none we read.
    """
    if url.startswith("s3://"):
        return S3Source(url)
    scheme, separator, _ = url.partition("://")
    if separator and scheme != "file":
        raise UsageError(
            f"Nothing was loaded: '{scheme}://' is not a source we read. "
            "Give a path, s3://bucket/prefix, archive://NAME or sample://."
        )
    return FileSource(str(path_of(url)) if separator else url)
