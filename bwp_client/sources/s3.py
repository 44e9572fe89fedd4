"""Objects under an S3 prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from bwp_client.aws import explain_s3_error, fetch_object, list_below, s3_client, split_s3
from bwp_client.sources.base import SourceObject

_AT_ONCE_BYTES = 8 * 1024 * 1024
"""Up to this size an object is fetched whole, by a client that needs an eighth of boto3's CPU time."""
_PLAIN_KEY = re.compile(r"[\w=-][\w.=-]*(/[\w=-][\w.=-]*)*", re.ASCII)
"""Keys that mean the same to both clients: no empty part, none of dots only, nothing that is escaped in an address."""

if TYPE_CHECKING:
    from botocore.response import StreamingBody


class S3Source:
    """Reads every object under `s3://bucket/prefix`, listed and fetched with obstore where it can, else with boto3."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._bucket, self._prefix = split_s3(uri)

    @property
    def label(self) -> str:
        """The `s3://` address."""
        return self._uri

    def objects(self) -> Iterator[SourceObject]:
        """List the objects in key order, empty "folder" markers left out.

        Raises:
            SourceNotFoundError: The bucket does not exist.
            RemoteError: S3 refused or failed.
        """
        try:
            if self._prefix.endswith("/") or not self._prefix:
                yield from self._below(self._prefix)
                return
            # What else begins like the prefix is asked for too: a prefix is no folder.
            for page in self._pages(Prefix=self._prefix, Delimiter="/"):
                yield from self._described(page)
                for folder in page.get("CommonPrefixes", []):
                    yield from self._below(folder["Prefix"])
        except _boto_errors() as error:
            raise explain_s3_error(error, self._uri) from error

    def _below(self, folder: str) -> Iterator[SourceObject]:
        """List a folder with the fast client where its name means the same to it; from where that fails on, with boto3."""
        from obstore.exceptions import BaseError

        last = ""
        try:
            for page in list_below(self._bucket, folder) if self._is_plain(folder) else ():
                for key, etag, size in page:
                    if size:
                        yield SourceObject(f"s3://{self._bucket}/{key}", etag, size)
                    else:  # what it calls "a/b" may be the marker "a/b/"
                        (first,) = self._pages(Prefix=key, MaxKeys=1)
                        uri = f"s3://{self._bucket}/{key}"
                        yield from (item for item in self._described(first) if item.uri == uri and not item.size_bytes)
                    last = key
            if last:
                return
        except (BaseError, OSError, ValueError):
            pass
        after = {"StartAfter": last} if last else {}
        for page in self._pages(Prefix=folder, **after):
            yield from self._described(page)

    def _is_plain(self, folder: str) -> bool:
        """Tell whether no part of the name is empty or of dots only, which the fast client leaves out or refuses."""
        if not folder:
            (first,) = self._pages(Prefix="/", MaxKeys=1)
            return not first.get("Contents")
        return all(part.strip(".") for part in folder.removesuffix("/").split("/"))

    def _pages(self, **query: Any) -> Iterator[Any]:
        if "MaxKeys" in query:
            yield s3_client().list_objects_v2(Bucket=self._bucket, **query)
        else:
            yield from s3_client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **query)

    def _described(self, page: Any) -> Iterator[SourceObject]:
        for item in page.get("Contents", []):
            if not (item["Key"].endswith("/") and item["Size"] == 0):
                yield SourceObject(f"s3://{self._bucket}/{item['Key']}", item["ETag"].strip('"'), item["Size"])

    def open(self, item: SourceObject) -> BinaryIO:
        """Open one object, exactly in the version that was listed.

        Raises:
            SourceNotFoundError: It is gone.
            RemoteError: S3 refused or failed, or the object was overwritten since it was listed.
        """
        _, key = split_s3(item.uri)
        if item.size_bytes <= _AT_ONCE_BYTES and _PLAIN_KEY.fullmatch(key):
            whole = fetch_object(self._bucket, key, item.etag)
            if whole is not None:
                return BytesIO(whole)
        try:
            answer = s3_client().get_object(Bucket=self._bucket, Key=key, IfMatch=f'"{item.etag}"')
        except _boto_errors() as error:
            raise explain_s3_error(error, item.uri) from error
        return cast("BinaryIO", _Body(answer["Body"], item.uri))


class _Body:
    """An object's bytes as they come; what goes wrong on the way is told like what goes wrong at the start."""

    def __init__(self, body: StreamingBody, uri: str) -> None:
        self._body = body
        self._uri = uri

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()

    def read(self, size: int = -1) -> bytes:
        try:
            return self._body.read(None if size < 0 else size)
        except _boto_errors() as error:
            raise explain_s3_error(error, self._uri) from error


def _boto_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError
