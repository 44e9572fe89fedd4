"""Published reports in a folder on the local disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

from bwp_client.errors import SourceNotFoundError, UsageError, WarehouseError
from bwp_client.reports.manifest import LOG_FOLDER, MANIFEST, SIGNATURE, Manifest
from bwp_client.warehouse.temp_folders import remove_abandoned_folders, this_machine

_PARTIAL = ".partial-"


class LocalStore:
    """A `ReportStore` in a folder on the local disk; `ReportStore` documents the errors of the methods."""

    def __init__(self, uri: str) -> None:
        self.uri = str(Path(uri).expanduser().absolute())
        self._folder = Path(self.uri)

    def published(self) -> list[str]:
        """Return the keys of the published reports, sorted; the name of an unfinished report begins with a dot."""
        return sorted(
            path.parent.name for path in self._folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")
        )

    def manifest(self, key: str) -> Manifest:
        """Return the manifest of a report."""
        return Manifest.of_key(key, _read(self._folder / key / MANIFEST))

    def read(self, manifest: Manifest, path: str) -> bytes:
        """Return the content of a report's file."""
        return manifest.verify(path, _read(self._folder / manifest.key / path))

    def signature(self, manifest: Manifest) -> bytes:
        """Return the signature of a signed manifest."""
        return _read(self._folder / manifest.key / SIGNATURE)

    def publish(self, folder: Path, manifest: Manifest) -> bool:
        """Copy the report into a hidden folder and rename the folder; return False if the key was published before."""
        target = self._folder / manifest.key
        if (target / MANIFEST).exists():
            return False
        with _disk_errors(self.uri, "Nothing was published; earlier reports are untouched."):
            self._folder.mkdir(parents=True, exist_ok=True)
            prefix = f"{_PARTIAL}{manifest.key}-{this_machine()}-"
            remove_abandoned_folders(self._folder, prefix)
            partial = Path(mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=self._folder))
            try:
                for path in [*manifest.files, *([SIGNATURE] if manifest.signed_by else []), MANIFEST]:
                    _copy_durably(folder / path, partial / path)
                partial.chmod(0o755)
                partial.rename(target)
            except OSError:
                shutil.rmtree(partial, ignore_errors=True)
                if (target / MANIFEST).exists():
                    return False
                if target.exists():
                    raise UsageError(
                        f"{target} is in the way: it is no published report, because it has no {MANIFEST}. Nothing was "
                        "published. Move it away, then start the command again."
                    ) from None
                raise
        with suppress(OSError):  # the report is published; not every network file system can sync a folder
            _sync(self._folder)
        return True

    def link(self, manifest: Manifest, path: str) -> str:
        """Return the path of a report's file."""
        return str(self._folder / manifest.key / path)

    def write_log(self, name: str, text: bytes, folder: str = LOG_FOLDER, *, only_new: bool = False) -> bool:
        """Write an entry of a log, whole or not at all."""
        with _disk_errors(f"{self.uri}/{folder}/{name}", "Published reports are unchanged."):
            target = self._folder / folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{name}.{uuid4().hex[:12]}")  # the names of other machines' files differ
            partial.write_bytes(text)
            if not only_new:
                partial.replace(target)
                return True
            try:
                return _create(target, partial, text)
            finally:
                partial.unlink(missing_ok=True)

    def log_names(self, folder: str = LOG_FOLDER) -> list[str]:
        """Return the names of the entries of a log, sorted."""
        return sorted(path.name for path in (self._folder / folder).glob("[!.]*.json"))

    def read_log(self, name: str, folder: str = LOG_FOLDER) -> bytes:
        """Return an entry of a log."""
        return _read(self._folder / folder / name)


def _create(target: Path, partial: Path, text: bytes) -> bool:
    """Create a file with the content of a partial file; return False if there is such a file."""
    try:
        os.link(partial, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        try:
            with target.open("xb") as stream:
                stream.write(text)
        except FileExistsError:
            return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise SourceNotFoundError(
            f"{path} does not exist. Published reports are unchanged. `report log` lists them."
        ) from None
    except OSError as error:
        raise WarehouseError(
            f"{path} can't be read ({type(error).__name__}: {error.strerror}). Published reports are unchanged."
        ) from error


def _copy_durably(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    _sync(target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _disk_errors(uri: str, state: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WarehouseError(
            f"{uri} can't be written ({type(error).__name__}: {error.strerror}). {state} Check free space and permissions, "
            "then start the command again."
        ) from error
