"""The store of published reports: a folder or an S3 prefix.

A report without a manifest is not published, and a published report never changes. On a local disk, one renaming publishes
all files of a report. On S3 the files go to a folder named after the manifest's digest, so that two concurrent publishers
can't mix their files; the manifest is written last, and only if the report has no manifest yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bwp_client.addresses import folder_address
from bwp_client.errors import UsageError
from bwp_client.reports.manifest import LOG_FOLDER, Manifest
from bwp_client.reports.report_folder import report_around


class ReportStore(Protocol):
    """A folder or an S3 prefix with published reports and the log of attempts."""

    uri: str

    def published(self) -> list[str]:
        """Return the keys of the published reports, sorted."""

    def manifest(self, key: str) -> Manifest:
        """Return the manifest of a report.

        Raises:
            SourceNotFoundError: No report of that key was published.
            UsageError: The manifest was damaged, or is that of another report.
            RemoteError: S3 refused or failed.
        """

    def read(self, manifest: Manifest, path: str) -> bytes:
        """Return the content of a report's file.

        Raises:
            SourceNotFoundError: The file is gone.
            UsageError: The file is not the published one.
            RemoteError: S3 refused or failed.
        """

    def signature(self, manifest: Manifest) -> bytes:
        """Return the signature of a signed manifest; errors as for `read`."""

    def publish(self, folder: Path, manifest: Manifest) -> bool:
        """Publish the report that lies in a folder; return False if its key was published before.

        Raises:
            UsageError: A folder or file that is no report has the report's name; nothing was published.
            WarehouseError: The disk is full, or the folder can't be written; nothing was published.
            RemoteError: S3 refused or failed; nothing was published.
        """

    def link(self, manifest: Manifest, path: str) -> str:
        """Return the path or the address of a report's file."""

    def write_log(self, name: str, text: bytes, folder: str = LOG_FOLDER, *, only_new: bool = False) -> bool:
        """Write an entry of a log, whole or not at all.

        Args:
            name: The name of the entry's file.
            text: Its content.
            folder: The folder of the log.
            only_new: Write nothing if there is such an entry; otherwise replace it.

        Returns:
            False if there was such an entry, and nothing was written.

        Raises:
            WarehouseError: The disk is full, or the folder can't be written.
            RemoteError: S3 refused or failed.
        """

    def log_names(self, folder: str = LOG_FOLDER) -> list[str]:
        """Return the names of the entries of a log, sorted.

        Raises:
            RemoteError: S3 refused or failed.
        """

    def read_log(self, name: str, folder: str = LOG_FOLDER) -> bytes:
        """Return an entry of a log.

        Raises:
            SourceNotFoundError: There is no such entry.
            RemoteError: S3 refused or failed.
        """


def open_store(uri: str) -> ReportStore:
    """Return the store at a path or an `s3://` address.

    Raises:
        UsageError: The address has another scheme or names another machine, or a file or a published report is there.
    """
    uri = folder_address(uri, "the folder of reports")
    if uri.startswith("s3://"):
        from bwp_client.reports.store_s3 import S3Store

        return S3Store(uri)
    from bwp_client.reports.store_local import LocalStore

    if inside := report_around(Path(uri)):
        raise UsageError(
            f"The folder of reports can't be at {uri}: {inside} is a published report, which never changes. Nothing was read "
            "or written. Name the folder around it, or a new one."
        )
    return LocalStore(uri)
