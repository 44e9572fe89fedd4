"""The two ways we reach S3: boto3 for objects, and the same credentials handed to Delta Lake's own client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bwp_client.errors import RemoteError, SettingsError, SourceNotFoundError, TerminalRemoteError, TransientRemoteError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from obstore.store import S3Store


@lru_cache(maxsize=1)
def s3_client() -> S3Client:
    """Give one S3 client for this process, configured by the standard AWS variables."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60)
    # A session of its own: the default one keeps whatever credentials it first met in this process.
    return boto3.Session().client("s3", config=config)


def fetch_object(bucket: str, key: str, etag: str) -> bytes | None:
    """Fetch one small object whole, in the version given; none when that failed: boto3 then says why, or does better."""
    from obstore.exceptions import BaseError

    try:
        return bytes(_object_store(bucket, _endpoint()).get(key, options={"if_match": f'"{etag}"'}).bytes())
    except (BaseError, OSError):
        return None


def list_below(bucket: str, folder: str) -> Iterator[list[tuple[str, str, int]]]:
    """Give (key, ETag, size in bytes) of every object below a folder, in key order, a page at a time.

    Raises:
        obstore.exceptions.BaseError: S3 refused or failed, or a key is none that this client can express.
    """
    import obstore

    for page in obstore.list(_object_store(bucket, _endpoint()), prefix=folder or None, chunk_size=1000):
        yield [(item["path"], (item["e_tag"] or "").strip('"'), item["size"]) for item in page]


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


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def split_s3(uri: str) -> tuple[str, str]:
    """Give (bucket, key or prefix) of an `s3://` address.

    Raises:
        SettingsError: The address names no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise SettingsError(f"{uri!r} names no bucket. Write s3://bucket/prefix. Nothing was read or written.")
    return bucket, key


def delta_storage_options() -> dict[str, str]:
    """Give Delta Lake's S3 client what boto3 would use: credentials, region and endpoint, read anew on each call.

    Raises:
        SettingsError: No AWS credentials were found.
    """
    import boto3

    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise SettingsError(
            "No AWS credentials were found for s3://. Nothing was read or written. Set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as for any AWS program."
        )
    frozen = credentials.get_frozen_credentials()
    options = {
        "aws_access_key_id": frozen.access_key or "",
        "aws_secret_access_key": frozen.secret_key or "",
        "aws_region": session.region_name or "us-east-1",
        "aws_conditional_put": "etag",
    }
    if frozen.token:
        options["aws_session_token"] = frozen.token
    endpoint = _endpoint()
    if endpoint:
        options["aws_endpoint_url"] = endpoint
        options["aws_allow_http"] = "true" if endpoint.startswith("http://") else "false"
        options["aws_virtual_hosted_style_request"] = "false"
    return options


_MISSING = {"NoSuchBucket", "NoSuchKey", "404"}
_REFUSED = {"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}


def explain_s3_error(error: Exception, uri: str) -> SourceNotFoundError | RemoteError | SettingsError:
    """Turn a boto3 error into ours, with what to do next; the caller raises it from the original."""
    from botocore.exceptions import ClientError, NoCredentialsError

    if isinstance(error, NoCredentialsError):
        return SettingsError(f"No AWS credentials were found to read {uri}. Set AWS_PROFILE or the AWS key variables.")
    if isinstance(error, ClientError):
        answer: Any = error.response.get("Error", {})
        code = str(answer.get("Code", ""))
        if code in _MISSING:
            return SourceNotFoundError(f"{uri} does not exist ({code}). Check bucket and key. What was stored stays.")
        if code in _REFUSED:
            return TerminalRemoteError(
                f"S3 refused to let us read {uri} ({code}). What was stored stays. The app needs s3:ListBucket on the "
                "bucket and s3:GetObject on the prefix (and kms:Decrypt for encrypted objects)."
            )
        if code in {"PreconditionFailed", "412"}:
            return TransientRemoteError(f"{uri} was overwritten while it was read. Load again: it is read anew.")
        return TransientRemoteError(f"S3 failed on {uri} ({code}). What was stored stays; load again.")
    return TransientRemoteError(
        f"S3 could not be reached for {uri} ({type(error).__name__}). What was stored stays; load again."
    )
