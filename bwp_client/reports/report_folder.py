"""The folder of a single report, wherever it lies: on the local disk, in a ZIP file, or on S3. Nothing outside is read."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from bwp_client.addresses import storage_address
from bwp_client.aws import list_objects, s3_client, s3_errors, split_s3
from bwp_client.errors import SourceNotFoundError, UsageError, WarehouseError
from bwp_client.reports.manifest import MANIFEST

_UNCHANGED = "Nothing was changed."
_PERMISSION = "s3:ListBucket on the bucket, and s3:GetObject on the prefix"
_RETRY = "Start the command again."
_MAX_UNPACKED_BYTES = 1 << 29
"""Of one file in a ZIP file; the largest files of a report, its input rows, are far smaller."""


class ReportFolder(Protocol):
    """The files of a report as they lie in one place."""

    address: str

    def names(self) -> list[str]:
        """Return the path of each file, with slashes and sorted.

        Raises:
            WarehouseError: The local folder can't be listed.
            RemoteError: S3 refused or failed.
        """

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            SourceNotFoundError: There is no such file.
            UsageError: It is not a plain file, it is damaged, or it is a link that leads out of the folder.
            WarehouseError: The local disk refused or failed.
            RemoteError: S3 refused or failed.
        """


def open_folder(address: str) -> ReportFolder:
    """Return the folder of a report.

    Args:
        address: The path or `s3://` address of a `manifest.json` or of the folder around it, or the path of a ZIP file.

    Raises:
        UsageError: The address has another scheme, names another machine, or is a file of another kind.
    """
    address = storage_address(address, "a report")
    parent, _, name = address.rpartition("/")
    if name == MANIFEST:
        address = parent or "/"
    if address.startswith("s3:/"):
        return S3Folder(address)
    return ZipFolder(Path(address)) if Path(address).is_file() else LocalFolder(Path(address))


def report_around(path: Path) -> Path | None:
    """Return the published report, damaged or not, that a local folder is or lies in; None if there is none."""
    path = path.resolve()
    return next((folder for folder in (path, *path.parents) if _is_report(folder / MANIFEST)), None)


def _is_report(manifest: Path) -> bool:
    try:
        return manifest.is_file() and b'"question"' in manifest.read_bytes()
    except OSError:
        return False


class LocalFolder:
    """A `ReportFolder` on the local disk."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._path = path

    def names(self) -> list[str]:
        """Return the path of each file; a link to a folder counts as a file, because it is not followed."""
        found = []
        with _disk_errors(self.address):
            for folder, folders, files in os.walk(self._path, onerror=_raise):
                links = [name for name in folders if Path(folder, name).is_symlink()]
                found += [Path(folder, name).relative_to(self._path).as_posix() for name in [*files, *links]]
        return sorted(found)

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        path = self._path / name
        with _disk_errors(str(path)):
            if not path.resolve().is_relative_to(self._path.resolve()):
                raise UsageError(f"{path} is a link that leads out of the folder. It was not read.")
            if path.exists() and not path.is_file():
                raise UsageError(f"{path} is no file. It was not read.")
            return path.read_bytes()


class ZipFolder:
    """A `ReportFolder` in a ZIP file, at its top or in a folder of it.

    Raises:
        UsageError: The file is not a ZIP file, or it holds no report or several.
    """

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            raise UsageError(
                f"{path} is neither a manifest.json nor a ZIP file of a report ({type(error).__name__}). Nothing was read. "
                "Name a report's manifest.json, its folder, or its ZIP file."
            ) from error
        self._files = [entry.filename for entry in self._archive.infolist() if not entry.is_dir()]
        manifests = [name for name in self._files if name.rpartition("/")[2] == MANIFEST]
        if len(manifests) != 1:
            raise UsageError(
                f"{path} holds {len(manifests):,} manifests of reports. Nothing was read. Name the ZIP file of one report."
            )
        self._top = manifests[0].removesuffix(MANIFEST)

    def names(self) -> list[str]:
        """Return the path of each file; a path that the ZIP file holds twice is returned twice."""
        return sorted(name.removeprefix(self._top) for name in self._files)

    def read(self, name: str) -> bytes:
        """Return the content of a file; no more bytes than its entry declares are unpacked."""
        try:
            entry = self._archive.getinfo(f"{self._top}{name}")
            if entry.file_size > _MAX_UNPACKED_BYTES:
                raise UsageError(f"{name} in {self.address} is larger than any file of a report. It was not unpacked.")
            return self._archive.read(entry)
        except KeyError:
            raise SourceNotFoundError(f"{self.address} holds no {name}.") from None
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError) as error:
            raise UsageError(f"{name} in {self.address} can't be unpacked ({type(error).__name__}).") from error


class S3Folder:
    """A `ReportFolder` on S3."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._bucket, prefix = split_s3(self.address)
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""

    def names(self) -> list[str]:
        """Return the path of each object below the prefix."""
        with s3_errors(self.address, state=_UNCHANGED, permission=_PERMISSION, retry=_RETRY):
            return sorted(item["Key"].removeprefix(self._prefix) for item in list_objects(self._bucket, self._prefix))

    def read(self, name: str) -> bytes:
        """Return the content of an object."""
        with s3_errors(f"{self.address}/{name}", state=_UNCHANGED, permission=_PERMISSION, retry=_RETRY):
            return s3_client().get_object(Bucket=self._bucket, Key=f"{self._prefix}{name}")["Body"].read()


@contextmanager
def _disk_errors(path: str) -> Iterator[None]:
    """Convert errors of the local disk; a missing file or folder becomes `SourceNotFoundError`."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise SourceNotFoundError(f"{path} does not exist.") from None
    except OSError as error:
        raise WarehouseError(f"{path} can't be read ({type(error).__name__}: {error.strerror}).") from error


def _raise(error: OSError) -> None:
    raise error
