"""The source of local files: a single file, or every file below a folder."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self, cast

from bwp_client.addresses import path_of_uri
from bwp_client.errors import ObjectNotFoundError, SourceNotFoundError, UsageError
from bwp_client.sources.base import SourceObject
from bwp_client.sources.off_limits import SYSTEM_FOLDERS, is_stream, why_refused
from bwp_client.sources.own_output import is_delta_table, is_log, is_log_entry, report_folders

_SHOWN_CHARACTERS = 200
_STANDARD_INPUT = "-"
_NO_STREAMS = "Streams are not read, since they can't be read again: write the events to a file, and load that file."
_OWN_FOLDER = "Put the events into a folder of their own, and load that."

FolderId = tuple[int, int]
"""The device and the inode of a folder, which are the same by whatever path it is reached."""


class FileSource:
    """Reads a file, or every file below a folder except hidden files. Linked folders are read too, each folder once.

    A path that `off_limits` refuses is never read, neither as the source itself nor through a link in the folder.
    """

    def __init__(self, path: str, *, leave_out: Sequence[str] = ()) -> None:
        """Take the path, and the addresses of folders that hold no events although they may be below it.

        Raises:
            SourceNotFoundError: The path does not exist.
            UsageError: The path can't be read, is never read as events, is in `leave_out` or a Delta table, or is our log.
        """
        self.left_out: list[str] = []
        """The Delta tables and reports that the last listing left out, for messages."""
        if path == _STANDARD_INPUT:
            raise UsageError(f"Nothing was loaded: '-' means standard input. The warehouse is unchanged. {_NO_STREAMS}")
        try:
            self._root = _normal_path(path)
            exists = self._root.exists()
            refusal = why_refused(self._root) if exists else None
            self._leave_out = {_id_of(Path(address)) for address in leave_out if not address.startswith("s3://")} - {
                None
            }
            is_output = exists and (_id_of(self._root) in self._leave_out or _is_table_or_log(self._root))
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
                f"The warehouse is unchanged. {_NO_STREAMS if is_stream(self._root) else _OWN_FOLDER}"
            )
        if is_output:
            raise UsageError(
                f"Nothing was loaded: {self._root} holds tables or reports, and no events. They are unchanged. {_OWN_FOLDER}"
            )

    @property
    def label(self) -> str:
        """The absolute path, in which bytes that are not UTF-8 are escaped."""
        return os.fsencode(self._root).decode("utf-8", "backslashreplace")

    def objects(self) -> Iterator[SourceObject]:
        """Yield the files folder by folder, sorted by name within a folder; linked folders come last."""
        self.left_out = []
        if not self._root.is_dir():
            yield from _described(self._root)
            return
        seen = set(self._leave_out)
        folders = deque([self._root])
        while folders:
            yield from self._walk(folders.popleft(), seen, folders)

    def _walk(self, top: Path, seen: set[FolderId | None], linked: deque[Path]) -> Iterator[SourceObject]:
        """Yield the files below a folder, and add the links to other folders to `linked`.

        Args:
            top: The folder; a link that must not be followed, or a folder that can't be listed, is yielded as an object
                whose opening fails, so that it is named.
            seen: The folders that were read before or are left out; those that are read now are added.
            linked: Collects links to folders.
        """
        if top != self._root and _is_refused(top):
            yield from _described(top)
            return
        unlisted: list[Path] = []
        for folder, subfolders, names in os.walk(top, onerror=lambda error: unlisted.append(Path(error.filename))):
            here = Path(folder)
            if (identity := _id_of(here)) is None or identity in seen or self._is_own_output(here, subfolders):
                subfolders.clear()
                continue
            seen.add(identity)
            links = sorted(name for name in subfolders if not name.startswith(".") and (here / name).is_symlink())
            linked.extend(here / name for name in links)
            subfolders[:] = sorted(set(subfolders) - set(links) - set(self._never_read(here, subfolders)))
            for name in sorted(names):
                if not name.startswith("."):
                    yield from _described(here / name)
        for path in unlisted:
            yield from _described(path)

    def _never_read(self, folder: Path, subfolders: list[str]) -> Iterator[str]:
        """Yield the subfolders that are hidden, belong to the system, or hold published reports."""
        real = os.path.realpath(folder)
        for name in subfolders:
            if name.startswith(".") or os.path.join(real, name) in SYSTEM_FOLDERS:  # noqa: PTH118 - for every folder
                yield name
        for name in report_folders(folder, subfolders):
            self.left_out.append(f"{folder / name} (reports)")
            yield name

    def _is_own_output(self, folder: Path, subfolders: list[str]) -> bool:
        if not is_delta_table(folder, subfolders):
            return False
        self.left_out.append(f"{folder} (a Delta table)")
        return True

    def open(self, item: SourceObject) -> BinaryIO:
        """Open a file.

        Raises:
            UsageError: The file may not be read, or is gone.
        """
        path = path_of_uri(item.uri)
        with _FileErrors(path):
            if refusal := why_refused(path):
                raise UsageError(
                    f"{path} was not read: it {refusal}, and such files are never read as events. The other files are "
                    "loaded. Take the file, or the link to it, out of the folder."
                )
            if path.is_dir():
                os.scandir(path).close()  # it could not be listed before: this says why
            return cast("BinaryIO", _Stream(path))


class _Stream:
    """A stream of a file's bytes that raises the errors of `bwp_client.errors` when a read fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        with _FileErrors(self._path):
            return self._file.read(size)


class _FileErrors:
    """Converts an `OSError` of a file in the block into a `UsageError` with the step that mends it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, OSError):
            is_gone = isinstance(error, FileNotFoundError | NotADirectoryError) and not self._path.is_symlink()
            raise (ObjectNotFoundError if is_gone else UsageError)(
                f"{self._path} could not be read ({error.strerror}). Events stored before it are unchanged; "
                f"{self._next_step(error)} Load again: nothing is doubled."
            ) from error

    def _next_step(self, error: OSError) -> str:
        match error:
            case PermissionError():
                return "give it the right permissions."
            case FileNotFoundError() | NotADirectoryError() if not self._path.is_symlink():
                return "it was deleted or moved after it was listed."
        if self._path.is_symlink():
            return "it is a link that leads nowhere: remove it, or bring its target back."
        return "check the disk or the network folder that it is on."


def _normal_path(path: str) -> Path:
    """Return an absolute path without `..`, so that a file has the same address however its path is written."""
    absolute = Path(path).expanduser().absolute()
    # Resolved as the system does it: the parent of a linked folder is not where the link is.
    return Path(os.path.realpath(absolute)) if ".." in absolute.parts else absolute


def _is_table_or_log(path: Path) -> bool:
    """Return whether a path is in a Delta table, or is a log beside published reports or one of its entries."""
    real = Path(os.path.realpath(path))
    return is_log_entry(str(real)) or is_log(real) or any(map(is_delta_table, (real, *real.parents)))


def _is_refused(link: Path) -> bool:
    """Return whether a link to a folder leads to a place that is never read, or nowhere any more."""
    try:
        return why_refused(link) is not None
    except OSError:
        return True


def _id_of(folder: Path) -> FolderId | None:
    """Return the identity of a file or folder, or None if it does not exist."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _described(path: Path) -> Iterator[SourceObject]:
    """Yield a regular file as an object, and a path that can't be inspected as an object whose opening says why.

    A file that was deleted since its folder was listed is no object.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        if not path.is_symlink():
            return
        status = None
    except OSError:
        status = None
    if status is None or stat.S_ISDIR(status.st_mode):
        yield SourceObject(path.as_uri(), "", 0)
    elif stat.S_ISREG(status.st_mode):
        yield SourceObject(path.as_uri(), str(status.st_mtime_ns), status.st_size)
