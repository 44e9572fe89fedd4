"""Published reports below a prefix on S3."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bwp_client.aws import AwsProblem, list_objects, problem_of, s3_client, s3_errors, split_s3
from bwp_client.errors import BwpError, UsageError
from bwp_client.reports.manifest import LOG_FOLDER, MANIFEST, SIGNATURE, Manifest

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8",
    ".png": "image/png", ".pdf": "application/pdf",
}  # fmt: skip
_UNCHANGED = "Published reports are unchanged."
_UNPUBLISHED = "Nothing was published; earlier reports are untouched."


class S3Store:
    """A `ReportStore` below a prefix on S3; `ReportStore` documents the errors of the methods."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self._bucket, prefix = split_s3(self.uri)
        self._prefix = f"{prefix}/" if prefix else ""
        self._is_outside_reports = False

    def published(self) -> list[str]:
        """Return the keys of the published reports, sorted: the folders that hold a manifest."""
        self._refuse_prefix_of_report()
        names = [name.split("/") for name in self._names("")]
        return sorted(name[0] for name in names if len(name) == 2 and name[1] == MANIFEST)

    def manifest(self, key: str) -> Manifest:
        """Return the manifest of a report."""
        return Manifest.of_key(key, self._get(f"{key}/{MANIFEST}"))

    def read(self, manifest: Manifest, path: str) -> bytes:
        """Return the content of a report's file."""
        return manifest.verify(path, self._get(f"{manifest.key}/{manifest.digest}/{path}"))

    def signature(self, manifest: Manifest) -> bytes:
        """Return the signature of a signed manifest."""
        return self._get(f"{manifest.key}/{manifest.digest}/{SIGNATURE}")

    def publish(self, folder: Path, manifest: Manifest) -> bool:
        """Put the files, then the manifest; return False if the key was published before."""
        if manifest.key in self.published():
            return False
        for path in [*manifest.files, *([SIGNATURE] if manifest.signed_by else [])]:
            self._put(f"{manifest.key}/{manifest.digest}/{path}", (folder / path).read_bytes(), _UNPUBLISHED)
        return self._put(f"{manifest.key}/{MANIFEST}", manifest.to_bytes(), _UNPUBLISHED, IfNoneMatch="*")

    def link(self, manifest: Manifest, path: str) -> str:
        """Return the address of a report's file."""
        return f"{self.uri}/{manifest.key}/{manifest.digest}/{path}"

    def write_log(self, name: str, text: bytes, folder: str = LOG_FOLDER, *, only_new: bool = False) -> bool:
        """Write an entry of a log."""
        self._refuse_prefix_of_report()
        return self._put(f"{folder}/{name}", text, **({"IfNoneMatch": "*"} if only_new else {}))

    def log_names(self, folder: str = LOG_FOLDER) -> list[str]:
        """Return the names of the entries of a log, sorted."""
        return [name.removeprefix(f"{folder}/") for name in self._names(f"{folder}/")]

    def read_log(self, name: str, folder: str = LOG_FOLDER) -> bytes:
        """Return an entry of a log."""
        return self._get(f"{folder}/{name}")

    def _refuse_prefix_of_report(self) -> None:
        """Refuse a prefix that is a published report or lies in one, before anything is written there."""
        folders = [] if self._is_outside_reports else self._prefix.split("/")[:-1]
        for number in range(len(folders), 0, -1):
            folder = "/".join(folders[:number])
            try:
                with self._errors():
                    is_report = any(
                        item["Key"] == f"{folder}/{MANIFEST}"
                        for item in list_objects(self._bucket, f"{folder}/{MANIFEST}")
                    )
            except BwpError:
                if number == len(folders):
                    raise
                break  # the permissions are for the prefix alone
            if is_report:
                raise UsageError(
                    f"s3://{self._bucket}/{folder} is a published report, which never changes, and no prefix of reports. "
                    f"{_UNPUBLISHED} Name the prefix above it."
                )
        self._is_outside_reports = True

    def _names(self, folder: str) -> list[str]:
        """Return the keys of all objects below a folder, without the prefix, sorted."""
        with self._errors():
            keys = [item["Key"] for item in list_objects(self._bucket, f"{self._prefix}{folder}")]
        return sorted(key.removeprefix(self._prefix) for key in keys)

    def _get(self, name: str) -> bytes:
        with self._errors(name):
            return s3_client().get_object(Bucket=self._bucket, Key=f"{self._prefix}{name}")["Body"].read()

    def _put(self, name: str, text: bytes, state: str = _UNCHANGED, **condition: Any) -> bool:
        """Put an object with a checksum, which S3 verifies; return False if the condition did not hold."""
        from botocore.exceptions import ClientError

        content_type = _CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")
        with self._errors(name, state):
            try:
                s3_client().put_object(
                    Bucket=self._bucket, Key=f"{self._prefix}{name}", Body=text, ContentType=content_type,
                    ChecksumAlgorithm="SHA256", **condition,
                )  # fmt: skip
            except ClientError as error:
                if condition and problem_of(error) is AwsProblem.CHANGED:
                    return False
                raise
        return True

    def _errors(self, name: str = "", state: str = _UNCHANGED) -> AbstractContextManager[None]:
        return s3_errors(
            f"{self.uri}/{name}",
            state=state,
            permission="s3:ListBucket on the bucket, and s3:GetObject and s3:PutObject on the prefix",
            retry="Start the command again.",
        )
