"""What every source offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One object to read: `etag` changes whenever its content does (local files: modification time in ns)."""

    uri: str
    etag: str
    size_bytes: int


class Source(Protocol):
    """Lists objects and opens them; small and picklable, for workers open the objects themselves."""

    @property
    def label(self) -> str:
        """The source as the user named it, absolute."""
        ...

    def objects(self) -> Iterator[SourceObject]:
        """List every object, in a stable order."""
        ...

    def open(self, item: SourceObject) -> BinaryIO:
        """Open one object's raw bytes."""
        ...
