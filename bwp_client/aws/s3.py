"""S3 for both of its clients: boto3 for listing and large objects, object_store (obstore, Delta Lake) for all others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

from bwp_client.aws.problems import region_named
from bwp_client.aws.session import aws_client, aws_session, credentials_of, endpoint_of
from bwp_client.errors import SettingsError

if TYPE_CHECKING:
    from boto3 import Session
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef
    from obstore.store import S3Store

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
_DEFAULT_REGION = "us-east-1"
_MOST_EMPTY_PAGES = 1000
"""How many pages of a listing in a row may be empty: S3 sends some where many objects were deleted."""
_SELECTS_ENDPOINT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_REGION")


@lru_cache(maxsize=1)
def s3_client() -> S3Client:
    """Return this process's S3 client, configured by the standard AWS variables and by BWP_S3_REQUEST_PAYER.

    Raises:
        SettingsError: The configuration is wrong, a profile is not logged in, or there are no credentials.
        RemoteError: The service that grants the credentials refused or failed.
    """
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60)
    client: S3Client = aws_client("s3", config)
    if _requester_pays():
        client.meta.events.register("before-call.s3", _offer_to_pay)
    return client


def _offer_to_pay(params: dict[str, Any], **_: Any) -> None:
    params["headers"]["x-amz-request-payer"] = "requester"


def _requester_pays() -> bool:
    from bwp_client.settings import Settings  # heavy: the workers of a load of files do without it

    return Settings.load().s3_request_payer is not None


def list_objects(bucket: str, prefix: str, client: S3Client | None = None) -> Iterator[ObjectTypeDef]:
    """Yield every object whose key begins with a prefix, in key order, as S3 describes it.

    Raises:
        botocore.exceptions.ClientError: S3 refused or failed.
        botocore.exceptions.BotoCoreError: S3 could not be reached.
        botocore.parsers.ResponseParserError: An answer is no listing of S3, or the listing has no end. The objects that were
            yielded before exist; there may be others.
    """
    from botocore.parsers import ResponseParserError

    pages = (client or s3_client()).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    before: list[ObjectTypeDef] | None = None
    empty_pages = 0
    try:
        for page in pages:
            items = page.get("Contents", [])
            empty_pages = 0 if items else empty_pages + 1
            if not _is_listing(page) or (items and items == before) or empty_pages > _MOST_EMPTY_PAGES:
                raise ResponseParserError("the answer is no listing")
            yield from items
            before = items
    except (KeyError, ValueError) as error:  # botocore can't read a number or a time, or misses the key that it decodes
        raise ResponseParserError("a field of the listing has no value of its type") from error


def _is_listing(page: ListObjectsV2OutputTypeDef) -> bool:
    """Return whether a page has the fields that every listing has; botocore reads any other document as an empty page."""
    is_truncated = page.get("IsTruncated")
    if is_truncated is None or (is_truncated and not page.get("NextContinuationToken")):
        return False
    return all("Key" in item and "ETag" in item and item.get("Size", -1) >= 0 for item in page.get("Contents", []))


def download(bucket: str, key: str, target: IO[bytes]) -> None:
    """Write the content of an object to a file, in parallel parts if it is large.

    Raises:
        botocore.exceptions.ClientError: S3 refused or failed.
        botocore.exceptions.BotoCoreError: S3 could not be reached.
    """
    from botocore.exceptions import ClientError

    try:
        s3_client().download_fileobj(bucket, key, target)
    except ClientError as error:
        if error.operation_name == "HeadObject":
            # The answer to HEAD has a status and no error code; the same refusal of GET has both.
            s3_client().get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"].close()
        raise


def bucket_region(bucket: str) -> str | None:
    """Return the Region of a bucket, or None if S3 does not tell."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return s3_client().head_bucket(Bucket=bucket).get("BucketRegion")
    except ClientError as error:
        return region_named(error)
    except BotoCoreError:
        return None


def split_s3(uri: str) -> tuple[str, str]:
    """Return the bucket, and the key or prefix, of an `s3://` address.

    Raises:
        SettingsError: The address names no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise SettingsError(f"{uri!r} names no bucket. Write s3://bucket/prefix. Nothing was read or written.")
    if not _BUCKET.fullmatch(bucket):
        raise SettingsError(
            f"{uri!r} names no valid bucket. Nothing was read or written. Write s3://bucket/prefix; for an "
            "access point, write its alias in place of the bucket."
        )
    return bucket, key


def delta_storage_options() -> dict[str, str]:
    """Return Delta Lake's storage options, with the credentials, Region and endpoint that boto3 uses at the time of the call.

    Raises:
        SettingsError: The configuration is wrong, a profile is not logged in, or there are no credentials.
        RemoteError: The service that grants the credentials refused or failed.
    """
    session = aws_session("s3")
    credentials = credentials_of(session)
    options = {
        "aws_access_key_id": credentials.access_key or "",
        "aws_secret_access_key": credentials.secret_key or "",
        "aws_region": session.region_name or _DEFAULT_REGION,
        "aws_conditional_put": "etag",
    }
    if credentials.token:
        options["aws_session_token"] = credentials.token
    if _requester_pays():
        options["aws_request_payer"] = "true"
    # Without an endpoint, Delta Lake would read the profile once more, by a reader that panics on `retry_mode = legacy`.
    endpoint = endpoint_of(session, "s3") or _aws_endpoint(session, options["aws_region"])
    options["aws_endpoint_url"] = endpoint
    options["aws_allow_http"] = "true" if endpoint.startswith("http://") else "false"
    options["aws_virtual_hosted_style_request"] = "false"
    return options


def _aws_endpoint(session: Session, region: str) -> str:
    """Return the address of S3 itself in a Region, which depends on the Region's partition."""
    core: Any = session._session  # noqa: SLF001 - boto3 shows the address only on a client, which takes long to make
    resolver = core._get_internal_component("endpoint_resolver")  # noqa: SLF001
    return f"https://{resolver.construct_endpoint('s3', region)['hostname']}"


def object_store(bucket: str) -> S3Store:
    """Return this process's store of a bucket for obstore, which needs much less CPU time for small objects than boto3.

    Raises:
        SettingsError: The configuration is wrong, a profile is not logged in, or there are no credentials.
    """
    return _object_store(bucket, *(os.environ.get(name) for name in _SELECTS_ENDPOINT))


@lru_cache(maxsize=4)
def _object_store(bucket: str, *_: str | None) -> S3Store:
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    session = aws_session("s3")
    credentials_of(session)
    endpoint = endpoint_of(session, "s3")
    return S3Store(
        bucket,
        region=session.region_name or _DEFAULT_REGION,
        endpoint=endpoint,
        virtual_hosted_style_request=endpoint is None,
        request_payer=_requester_pays(),
        credential_provider=Boto3CredentialProvider(session, ttl=timedelta(minutes=5)),
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
        client_options={"connect_timeout": "10s", "timeout": "60s", "allow_http": endpoint is not None},
    )
