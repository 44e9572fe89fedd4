"""A source of the objects under an S3 prefix: lists them, without folder markers, and opens them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from bwp_client.aws import list_objects, s3_client, s3_endpoint, s3_errors, split_s3
from bwp_client.sources.base import SourceObject

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from obstore.store import S3Store

_MOST_WHOLE_BYTES = 8 * 1024 * 1024
"""The size in bytes up to which an object is fetched whole, with obstore."""
_PLAIN_KEY = re.compile(r"[\w=-][\w.=-]*(/[\w=-][\w.=-]*)*", re.ASCII)
"""Keys that obstore sends unchanged: without an empty part, a part of dots only, or a character that a URL escapes."""


class S3Source:
    """Reads every object under `s3://bucket/prefix`. boto3 lists them; obstore fetches small objects, boto3 the others."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._bucket, self._prefix = split_s3(uri)

    @property
    def label(self) -> str:
        """The `s3://` address."""
        return self._uri

    def objects(self) -> Iterator[SourceObject]:
        """Yield the objects in key order, without empty "folder" markers. The prefix is plain text: `in` matches `in-2/`.

        Raises:
            SourceNotFoundError: The bucket does not exist.
            RemoteError: S3 refused or failed.
        """
        with s3_errors(self._uri):
            for item in list_objects(self._bucket, self._prefix):
                key, size = item["Key"], item["Size"]
                if size or not key.endswith("/"):
                    yield SourceObject(f"s3://{self._bucket}/{key}", item["ETag"].strip('"'), size)

    def open(self, item: SourceObject) -> BinaryIO:
        """Open the listed version of an object.

        Raises:
            SourceNotFoundError: The object is gone.
            RemoteError: S3 refused or failed, or the object was overwritten since it was listed.
        """
        _, key = split_s3(item.uri)
        if item.size_bytes <= _MOST_WHOLE_BYTES and _PLAIN_KEY.fullmatch(key):
            whole = _fetch_whole(self._bucket, key, item.etag)
            if whole is not None:
                return BytesIO(whole)
        with s3_errors(item.uri):
            response = s3_client().get_object(Bucket=self._bucket, Key=key, IfMatch=f'"{item.etag}"')
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


def _fetch_whole(bucket: str, key: str, etag: str) -> bytes | None:
    """Return the bytes of a small object in the given version, or None if obstore failed and boto3 must be tried.

    obstore needs much less CPU time than boto3.
    """
    from obstore.exceptions import BaseError

    try:
        return bytes(_object_store(bucket, s3_endpoint()).get(key, options={"if_match": f'"{etag}"'}).bytes())
    except (BaseError, OSError):
        return None


@lru_cache(maxsize=4)
def _object_store(bucket: str, endpoint: str | None) -> S3Store:
    import boto3
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    session = boto3.Session()
    return S3Store(
        bucket,
        region=session.region_name or "us-east-1",
        endpoint=endpoint,
        virtual_hosted_style_request=endpoint is None,
        credential_provider=Boto3CredentialProvider(session, ttl=timedelta(minutes=5)),
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
        client_options={"connect_timeout": "10s", "timeout": "60s", "allow_http": endpoint is not None},
    )
