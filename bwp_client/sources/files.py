"""Local files: one file, or every file below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bwp_client.errors import SourceNotFoundError, UsageError
from bwp_client.sources.base import SourceObject


class FileSource:
    """Reads a file, or a folder with everything below it except hidden files."""

    def __init__(self, path: str) -> None:
        self._root = Path(path).expanduser().absolute()
        if not self._root.exists():
            raise SourceNotFoundError(
                f"Nothing was loaded: {self._root} does not exist. Check the path; the warehouse is unchanged."
            )

    @property
    def label(self) -> str:
        """The absolute path; bytes of it that are no UTF-8 are shown as such."""
        return os.fsencode(self._root).decode("utf-8", "backslashreplace")

    def objects(self) -> Iterator[SourceObject]:
        """List the files in the order of their paths."""
        if self._root.is_file():
            yield _describe(self._root)
            return
        for folder, subfolders, names in os.walk(self._root):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if not name.startswith(".") and path.is_file():
                    yield _describe(path)

    def open(self, item: SourceObject) -> BinaryIO:
        """Open one file.

        Raises:
            UsageError: The file may not be read, or is gone.
        """
        path = Path.from_uri(item.uri) if hasattr(Path, "from_uri") else path_of(item.uri)
        try:
            return path.open("rb")
        except OSError as error:
            raise UsageError(
                f"{path} could not be read ({error.strerror}). What was stored before it stays; "
                "give the file the right permissions and load again: nothing is doubled."
            ) from error


def _describe(path: Path) -> SourceObject:
    status = path.stat()
    return SourceObject(path.as_uri(), str(status.st_mtime_ns), status.st_size)


def path_of(uri: str) -> Path:
    """Give the path behind a `file://` address."""
    from urllib.parse import unquote_to_bytes, urlsplit

    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))
