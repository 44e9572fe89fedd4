"""A published report, wherever a copy of it lies and whatever the name of its folder is.

Its files lie beside the manifest, or, in a copy from S3, in the folder beside it that is named after the manifest's digest.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

from bwp_client.errors import SourceNotFoundError
from bwp_client.reports.manifest import MANIFEST, SIGNATURE, Manifest, digest_of
from bwp_client.reports.report_folder import ReportFolder, open_folder

_DIGEST_FOLDER = re.compile(r"[0-9a-f]{12}/")


class PublishedReport:
    """A published report.

    Attributes:
        folder: The folder in which the manifest lies.
        text: The text of the manifest, as it lies there.
    """

    def __init__(self, folder: ReportFolder, text: bytes) -> None:
        self.folder = folder
        self.text = text

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            UsageError: The text is not a manifest.
        """
        return Manifest.from_bytes(self.text)

    @cached_property
    def files_folder(self) -> str:
        """The folder of the report's files, below `folder`: empty, or a digest and a slash."""
        own = f"{digest_of(self.text)}/"
        folders = Counter(
            found[0] if (found := _DIGEST_FOLDER.match(name)) else "" for name in self._names if name != MANIFEST
        )
        return max(sorted(folders), key=lambda folder: (folders[folder], folder == own), default="")

    @property
    def paths(self) -> list[str]:
        """The path of each file but the manifest, as the manifest spells paths.

        Raises:
            WarehouseError, RemoteError: The folder can't be listed.
        """
        top = self.files_folder
        return [name.removeprefix(top) for name in self._names if name.startswith(top) and name != MANIFEST]

    @property
    def leftover(self) -> list[str]:
        """The path, below `folder`, of each file of an attempt to publish that was stopped; S3 alone has such files."""
        return [name for name in self._elsewhere if _DIGEST_FOLDER.match(name)]

    @property
    def foreign_elsewhere(self) -> list[str]:
        """The path, below `folder`, of each file that is neither in `files_folder` nor left over, nor the manifest."""
        return [name for name in self._elsewhere if not _DIGEST_FOLDER.match(name)]

    @property
    def is_digest_of_manifest(self) -> bool:
        """False if the folder of the files is named after the digest of another manifest."""
        return self.files_folder in ("", f"{digest_of(self.text)}/")

    def read(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            SourceNotFoundError: The file is gone.
            UsageError: The file is not the published file.
            WarehouseError, RemoteError: The local disk or S3 refused or failed.
        """
        return self.manifest.verify(path, self.read_unverified(path))

    def read_unverified(self, path: str) -> bytes:
        """Return the content of a file, whatever its digest is; errors as for `read`."""
        return self.folder.read(f"{self.files_folder}{path}")

    def signature(self) -> bytes | None:
        """Return the signature of the manifest; None if there is no such file."""
        return self.read_unverified(SIGNATURE) if SIGNATURE in self.paths else None

    @property
    def _elsewhere(self) -> list[str]:
        return [name for name in self._names if not name.startswith(self.files_folder) and name != MANIFEST]

    @cached_property
    def _names(self) -> list[str]:
        return self.folder.names()


def open_published(address: str) -> PublishedReport:
    """Return a published report; the text of its manifest is not checked here, but by `PublishedReport.manifest`.

    Args:
        address: The path or `s3://` address of a `manifest.json` or of the folder around it, or the path of a ZIP file.

    Raises:
        SourceNotFoundError: There is no such report.
        UsageError: The address has another scheme or names another machine, or a file of another kind is there.
        WarehouseError, RemoteError: The local disk or S3 refused or failed.
    """
    folder = open_folder(address)
    try:
        return PublishedReport(folder, folder.read(MANIFEST))
    except SourceNotFoundError as error:
        raise SourceNotFoundError(
            f"{address} holds no published report ({error}) Nothing was changed. `report log` lists the published reports."
        ) from error
