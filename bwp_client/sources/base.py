"""The protocol of a source, and the objects that it lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object to read. The `etag` changes with the content; for a local file, it is the modification time in ns."""

    uri: str
    etag: str
    size_bytes: int


class Source(Protocol):
    """Lists objects and opens them. A source is small and picklable, because worker processes open the objects."""

    @property
    def label(self) -> str:
        """The absolute address of the source, for messages and the runs table."""
        ...

    def objects(self) -> Iterator[SourceObject]:
        """Yield every object, in a stable order."""
        ...

    def open(self, item: SourceObject) -> BinaryIO:
        """Open the raw bytes of an object."""
        ...
