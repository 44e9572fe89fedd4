"""The source of local files: a single file, or every file below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bwp_client.errors import SourceNotFoundError, UsageError
from bwp_client.sources.base import SourceObject
from bwp_client.sources.off_limits import SYSTEM_FOLDERS, why_refused

_SHOWN_CHARACTERS = 200


class FileSource:
    """Reads a file, or every file below a folder except hidden files.

    A path that `off_limits` refuses is never read, neither as the source itself nor through a link in the folder.
    """

    def __init__(self, path: str) -> None:
        try:
            self._root = Path(path).expanduser().absolute()
            exists = self._root.exists()
            refusal = why_refused(self._root) if exists else None
        except (
            OSError,
            RuntimeError,
        ) as error:  # no permission, a name that is too long, or the home of an unknown user
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"Nothing was loaded: {path[:_SHOWN_CHARACTERS]} can't be read ({reason}). "
                "Check the path; the warehouse is unchanged."
            ) from error
        if not exists:
            raise SourceNotFoundError(
                f"Nothing was loaded: {self._root} does not exist. Check the path; the warehouse is unchanged."
            )
        if refusal:
            raise UsageError(
                f"Nothing was loaded: {self._root} {refusal}, and such files are never read as events. "
                "The warehouse is unchanged. Put the events into a folder of their own, and load that."
            )

    @property
    def label(self) -> str:
        """The absolute path, in which bytes that are not UTF-8 are escaped."""
        return os.fsencode(self._root).decode("utf-8", "backslashreplace")

    def objects(self) -> Iterator[SourceObject]:
        """Yield the files folder by folder, sorted by name within a folder."""
        if self._root.is_file():
            yield _describe(self._root)
            return
        for folder, subfolders, names in os.walk(self._root):
            subfolders[:] = sorted(
                name
                for name in subfolders
                if not name.startswith(".") and str(Path(folder, name)) not in SYSTEM_FOLDERS
            )
            for name in sorted(names):
                path = Path(folder, name)
                if not name.startswith(".") and path.is_file():
                    yield _describe(path)

    def open(self, item: SourceObject) -> BinaryIO:
        """Open a file.

        Raises:
            UsageError: The file may not be read, or is gone.
        """
        path = Path.from_uri(item.uri) if hasattr(Path, "from_uri") else path_of(item.uri)
        try:
            if refusal := why_refused(path):
                raise UsageError(
                    f"{path} was not read: it {refusal}, and such files are never read as events. The other files are "
                    "loaded. Take the file, or the link to it, out of the folder."
                )
            return path.open("rb")
        except OSError as error:
            raise UsageError(
                f"{path} could not be read ({error.strerror}). Events stored before it are unchanged; "
                "give the file the right permissions and load again: nothing is doubled."
            ) from error


def _describe(path: Path) -> SourceObject:
    status = path.stat()
    return SourceObject(path.as_uri(), str(status.st_mtime_ns), status.st_size)


def path_of(uri: str) -> Path:
    """Return the path that a `file://` address names."""
    from urllib.parse import unquote_to_bytes, urlsplit

    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))
