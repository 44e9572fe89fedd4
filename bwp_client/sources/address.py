"""The address of a source as the user writes it: a path, `s3://bucket/prefix`, `archive://NAME`, `sample://`, `file://`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bwp_client.addresses import split_scheme


class Scheme(StrEnum):
    """The kind of source that an address names."""

    PATH = "a path"
    FILE = "file"
    S3 = "s3"
    ARCHIVE = "archive"
    SAMPLE = "sample"
    UNKNOWN = "unknown"


_SCHEMES = {f"{scheme}": scheme for scheme in (Scheme.FILE, Scheme.S3, Scheme.ARCHIVE, Scheme.SAMPLE)}


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """A parsed address."""

    text: str
    """The address as it was written."""
    scheme: Scheme
    rest: str
    """The part after `://`: an archive's name, or bucket and prefix. For a path, the whole path."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an address; a scheme that we don't know, or that is not written in small letters, is `UNKNOWN`."""
        found = split_scheme(text)
        if found is None:
            return cls(text, Scheme.PATH, text)
        scheme, rest = found
        return cls(text, _SCHEMES.get(scheme, Scheme.UNKNOWN), rest)

    @classmethod
    def of_archive(cls, name: str) -> Self:
        """Return the address of an EventBridge archive."""
        return cls(f"{Scheme.ARCHIVE}://{name}", Scheme.ARCHIVE, name)
