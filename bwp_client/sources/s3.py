"""A source of the objects under an S3 prefix: lists them, without folder markers and our own output, and opens them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from bwp_client.aws import AwsProblem, list_objects, object_store, s3_client, s3_errors, split_s3
from bwp_client.errors import TransientRemoteError, UsageError
from bwp_client.sources.base import SourceObject
from bwp_client.sources.own_output import is_log_entry

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

_MOST_WHOLE_BYTES = 8 * 1024 * 1024
"""The size in bytes up to which an object is fetched whole, with obstore."""
_PLAIN_KEY = re.compile(r"[\w=-][\w.=-]*(/[\w=-][\w.=-]*)*", re.ASCII)
"""Keys that obstore sends unchanged: without an empty part, a part of dots only, or a character that a URL escapes."""
_DELTA_LOG = "_delta_log/"
_GONE = ("the object does not exist any more", "It was deleted after it was listed; load again: nothing is doubled.")


class S3Source:
    """Reads every object under `s3://bucket/prefix`. boto3 lists them; obstore fetches small objects, boto3 the others."""

    def __init__(self, uri: str, *, leave_out: Sequence[str] = ()) -> None:
        """Take the address, and the addresses of prefixes that hold no events although they may be below it.

        Raises:
            SettingsError: The address names no bucket.
            UsageError: The address is one of `leave_out`.
        """
        self._uri = uri
        self._bucket, self._prefix = split_s3(uri)
        others = [split_s3(f"{other}/") for other in leave_out if other.startswith("s3://")]
        below = self._prefix if not self._prefix or self._prefix.endswith("/") else f"{self._prefix}/"
        if (self._bucket, below) in others:
            raise UsageError(
                f"Nothing was loaded: this program writes its tables or reports to {uri}. They are unchanged. "
                "Name the prefix that events are written to."
            )
        # A source may be within a warehouse: only what is below the source is left out.
        self._leave_out = tuple(key for bucket, key in others if bucket == self._bucket and not below.startswith(key))
        self.left_out: list[str] = []
        """The Delta tables and logs of reports that the last listing left out, for messages."""

    @property
    def label(self) -> str:
        """The `s3://` address."""
        return self._uri

    def objects(self) -> Iterator[SourceObject]:
        """Yield the objects in key order. The prefix is plain text: `in` matches `in-2/`.

        Raises:
            SourceNotFoundError: The bucket does not exist.
            RemoteError: S3 refused or failed.
        """
        with s3_errors(self._uri):
            for item in self.listed():
                yield SourceObject(f"s3://{self._bucket}/{item['Key']}", item["ETag"].strip('"'), item["Size"])

    def listed(self, client: S3Client | None = None) -> Iterator[ObjectTypeDef]:
        """Yield the objects as S3 describes them, without empty "folder" markers, `leave_out`, other Delta tables and logs.

        Raises:
            botocore.exceptions.ClientError: S3 refused or failed.
            botocore.exceptions.BotoCoreError: S3 could not be reached.
        """
        self.left_out = []
        table: str | None = None
        for item in list_objects(self._bucket, self._prefix, client):
            key = item["Key"]
            if (not item["Size"] and key.endswith("/")) or (self._leave_out and key.startswith(self._leave_out)):
                continue
            # The log of a table sorts before its data files and its partitions, whose names begin with small letters.
            if _DELTA_LOG in key and (found := _table_of(key)) not in (None, table):
                table = found
                self.left_out.append(f"s3://{self._bucket}/{table}")
            if table is not None and key.startswith(table):
                continue
            if is_log_entry(key):
                log = f"s3://{self._bucket}/{key.rpartition('/')[0]}/"
                if log not in self.left_out[-1:]:
                    self.left_out.append(log)
                continue
            yield item

    def open(self, item: SourceObject) -> BinaryIO:
        """Open the listed version of an object.

        Raises:
            SourceNotFoundError: The object is gone.
            ArchivedObjectError: The object must be restored from its archive storage class first.
            RemoteError: S3 refused or failed, or sent other bytes than those that it listed.
        """
        _, key = split_s3(item.uri)
        if item.size_bytes <= _MOST_WHOLE_BYTES and _PLAIN_KEY.fullmatch(key):
            whole = _fetch_whole(self._bucket, key, item.etag)
            if whole is not None and len(whole) == item.size_bytes:
                return BytesIO(whole)
        with s3_errors(item.uri, hints={AwsProblem.NO_OBJECT: _GONE}):
            response = s3_client().get_object(Bucket=self._bucket, Key=key, IfMatch=f'"{item.etag}"')
        # The listed version has the listed size; botocore finds a body that is shorter than its answer says.
        if response.get("ContentLength", item.size_bytes) != item.size_bytes:
            response["Body"].close()
            raise TransientRemoteError(
                f"S3 answered {item.uri} with {response['ContentLength']} bytes, and listed it with {item.size_bytes}. "
                "Stored events are unchanged. Check that no proxy answers in the place of S3. To go on, load again."
            )
        return cast("BinaryIO", _Body(response["Body"], item.uri))


class _Body:
    """A stream of an object's bytes that raises the errors of `bwp_client.errors` when a read fails."""

    def __init__(self, body: StreamingBody, uri: str) -> None:
        self._body = body
        self._uri = uri

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()

    def read(self, size: int = -1) -> bytes:
        with s3_errors(self._uri):
            return self._body.read(None if size < 0 else size)


def _table_of(key: str) -> str | None:
    """Return the prefix of the Delta table whose log contains a key, or None if no log does."""
    if key.startswith(_DELTA_LOG):
        return ""
    before, found, _ = key.partition(f"/{_DELTA_LOG}")
    return f"{before}/" if found else None


def _fetch_whole(bucket: str, key: str, etag: str) -> bytes | None:
    """Return the bytes of a small object in the given version, or None if obstore failed and boto3 must be tried."""
    from obstore.exceptions import BaseError

    try:
        return bytes(object_store(bucket).get(key, options={"if_match": f'"{etag}"'}).bytes())
    except (BaseError, OSError):
        return None
