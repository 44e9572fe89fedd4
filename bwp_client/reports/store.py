"""Where reports are published: a folder or an S3 prefix. What has no manifest at its place is not there.

A publication is never changed. A folder gets it whole, by one renaming. On S3 its files go to a folder named after the
manifest's digest, so that two publishers at once can't mix theirs, and the manifest follows last, only if none is there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

from bwp_client.aws import AwsProblem, list_objects, problem_of, s3_client, s3_errors, split_s3
from bwp_client.errors import SourceNotFoundError, UsageError, WarehouseError
from bwp_client.reports.manifest import MANIFEST, Manifest, describe_bytes
from bwp_client.warehouse.temp_folders import remove_abandoned_folders

LOG = "log"
_PARTIAL = ".partial-"


class ReportStore(Protocol):
    """A place for reports."""

    uri: str

    def published(self) -> list[str]:
        """Name the publications, in the order of their names."""

    def manifest(self, key: str) -> Manifest:
        """Read a publication's manifest."""

    def read(self, manifest: Manifest, path: str) -> bytes:
        """Give one of its files, as it was published and in no other way."""

    def publish(self, folder: Path, manifest: Manifest) -> bool:
        """Publish what lies in a folder; False when that key was published before."""

    def link(self, manifest: Manifest, path: str) -> str:
        """Give the address of one of its files."""

    def write_log(self, name: str, text: bytes) -> None:
        """Write one entry of the log, or write it anew."""

    def logs(self) -> Iterator[bytes]:
        """Give the entries of the log, oldest first."""


def open_store(uri: str) -> ReportStore:
    """Open a place for reports: a folder or an `s3://` prefix."""
    return S3Store(uri) if uri.startswith("s3://") else LocalStore(uri)


def open_published(address: str) -> tuple[ReportStore, Manifest]:
    """Open the publication that a `manifest.json`, or the folder around it, belongs to.

    Raises:
        SourceNotFoundError: There is none.
        UsageError: It is no manifest of ours.
        RemoteError: S3 refused or failed.
    """
    place = address.removesuffix(MANIFEST).rstrip("/") or "."
    if not address.startswith("s3://"):
        folder = Path(place).absolute()
        return LocalStore(str(folder.parent)), LocalStore(str(folder.parent)).manifest(folder.name)
    parent, _, key = place.rpartition("/")
    store = S3Store(parent)
    try:
        return store, store.manifest(key)
    except SourceNotFoundError as error:
        raise SourceNotFoundError(f"{address} holds no published report ({error})") from error


def verify_digest(manifest: Manifest, path: str, text: bytes) -> bytes:
    """Give a file's content if it is what the manifest says.

    Raises:
        UsageError: It was changed since, or the manifest does not know it.
    """
    known = manifest.files.get(path)
    if known is None or describe_bytes(text).sha256 != known.sha256:
        raise UsageError(
            f"{manifest.key}/{path} is not what was published: its digest differs from the manifest's. Nothing was made of "
            "it. Restore the file, or make the report again."
        )
    return text


class LocalStore:
    """A folder on the local disk."""

    def __init__(self, uri: str) -> None:
        self.uri = str(Path(uri).expanduser().absolute())
        self._folder = Path(self.uri)

    def published(self) -> list[str]:
        """Name the publications; a folder that is being written begins with a dot and is none."""
        return sorted(
            path.parent.name for path in self._folder.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")
        )

    def manifest(self, key: str) -> Manifest:
        """Read a publication's manifest.

        Raises:
            SourceNotFoundError: There is no such publication.
        """
        return Manifest.from_bytes(self._read(self._folder / key / MANIFEST))

    def read(self, manifest: Manifest, path: str) -> bytes:
        """Give one of its files.

        Raises:
            SourceNotFoundError, UsageError: It is gone, or was changed.
        """
        return verify_digest(manifest, path, self._read(self._folder / manifest.key / path))

    def publish(self, folder: Path, manifest: Manifest) -> bool:
        """Copy it beside its place, make it durable, and rename it there.

        Raises:
            WarehouseError: The disk is full or can't be written; nothing was published.
        """
        target = self._folder / manifest.key
        if (target / MANIFEST).exists():
            return False
        with _disk_is_explained(self.uri):
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_abandoned_folders(self._folder, f"{_PARTIAL}{manifest.key}-")
            partial = Path(mkdtemp(prefix=f"{_PARTIAL}{manifest.key}-{os.getpid()}-", dir=self._folder))
            try:
                for path in [*manifest.files, MANIFEST]:
                    _copy_durably(folder / path, partial / path)
                partial.chmod(0o755)
                partial.rename(target)
            except OSError:
                shutil.rmtree(partial, ignore_errors=True)
                if (target / MANIFEST).exists():
                    return False
                raise
            _sync(self._folder)
        return True

    def link(self, manifest: Manifest, path: str) -> str:
        """Give the path of one of its files."""
        return str(self._folder / manifest.key / path)

    def write_log(self, name: str, text: bytes) -> None:
        """Write one entry of the log, whole or not at all."""
        with _disk_is_explained(self.uri):
            folder = self._folder / LOG
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / f".{name}"
            partial.write_bytes(text)
            partial.replace(folder / name)

    def logs(self) -> Iterator[bytes]:
        """Give the entries of the log, oldest first."""
        for path in sorted((self._folder / LOG).glob("[!.]*.json")):
            yield path.read_bytes()

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise SourceNotFoundError(
                f"{path} is not there. Nothing was made. `report log` lists what was published."
            ) from None


class S3Store:
    """A prefix on S3."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self._bucket, prefix = split_s3(self.uri)
        self._prefix = f"{prefix}/" if prefix else ""

    def published(self) -> list[str]:
        """Name the publications: those whose manifest is in place."""
        with self._errors():
            return sorted(
                parts[0]
                for key in self._listed(self._prefix)
                if len(parts := key.removeprefix(self._prefix).split("/")) == 2 and parts[1] == MANIFEST
            )

    def manifest(self, key: str) -> Manifest:
        """Read a publication's manifest.

        Raises:
            SourceNotFoundError: There is no such publication.
            RemoteError: S3 refused or failed.
        """
        return Manifest.from_bytes(self._get(f"{key}/{MANIFEST}"))

    def read(self, manifest: Manifest, path: str) -> bytes:
        """Give one of its files.

        Raises:
            SourceNotFoundError, UsageError: It is gone, or was changed.
            RemoteError: S3 refused or failed.
        """
        return verify_digest(manifest, path, self._get(f"{manifest.key}/{manifest.digest}/{path}"))

    def publish(self, folder: Path, manifest: Manifest) -> bool:
        """Put the files, then the manifest if none is there yet.

        Raises:
            RemoteError: S3 refused or failed; nothing was published.
        """
        if manifest.key in self.published():
            return False
        for path in manifest.files:
            self._put(f"{manifest.key}/{manifest.digest}/{path}", (folder / path).read_bytes())
        return self._put(f"{manifest.key}/{MANIFEST}", manifest.to_bytes(), IfNoneMatch="*")

    def link(self, manifest: Manifest, path: str) -> str:
        """Give the address of one of its files."""
        return f"{self.uri}/{manifest.key}/{manifest.digest}/{path}"

    def write_log(self, name: str, text: bytes) -> None:
        """Write one entry of the log.

        Raises:
            RemoteError: S3 refused or failed.
        """
        self._put(f"{LOG}/{name}", text)

    def logs(self) -> Iterator[bytes]:
        """Give the entries of the log, oldest first.

        Raises:
            RemoteError: S3 refused or failed.
        """
        with self._errors():
            names = sorted(self._listed(f"{self._prefix}{LOG}/"))
        for name in names:
            yield self._get(name.removeprefix(self._prefix))

    def _listed(self, prefix: str) -> list[str]:
        return [item["Key"] for item in list_objects(self._bucket, prefix)]

    def _get(self, name: str) -> bytes:
        with self._errors(name):
            return s3_client().get_object(Bucket=self._bucket, Key=f"{self._prefix}{name}")["Body"].read()

    def _put(self, name: str, text: bytes, **condition: Any) -> bool:
        """Put one object, its transfer checked by S3 itself; False when a condition kept it out."""
        from botocore.exceptions import ClientError

        with self._errors(name):
            try:
                s3_client().put_object(
                    Bucket=self._bucket, Key=f"{self._prefix}{name}", Body=text, ContentType=_content_type(name),
                    ChecksumAlgorithm="SHA256", **condition,
                )  # fmt: skip
            except ClientError as error:
                if condition and problem_of(error) is AwsProblem.CHANGED:
                    return False
                raise
        return True

    def _errors(self, name: str = "") -> AbstractContextManager[None]:
        return s3_errors(
            f"{self.uri}/{name}",
            state="Nothing was published; earlier reports are untouched.",
            permission="s3:ListBucket on the bucket, and s3:GetObject and s3:PutObject on the prefix",
            retry="Start the command again.",
        )


def _content_type(name: str) -> str:
    types = {"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8",
             "png": "image/png", "pdf": "application/pdf"}  # fmt: skip
    return types.get(name.rpartition(".")[2], "application/octet-stream")


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
def _disk_is_explained(uri: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WarehouseError(
            f"{uri} can't be written ({type(error).__name__}: {error.strerror}). Nothing was published, earlier reports are "
            "untouched. Check free space and permissions, then start the command again."
        ) from error
