"""`doctor s3://bucket/prefix`: the bucket, the two permissions, and whether what lies there can be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from bwp_client.aws import split_s3
from bwp_client.decoding.compression import CutShortError, blocks
from bwp_client.decoding.framing import RecordCutter, Unread
from bwp_client.doctor.findings import Check
from bwp_client.errors import TransientRemoteError
from bwp_client.sources.eventbridge.aws_clients import explained

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LOOK_AT = 1000


def check_s3(uri: str, client: S3Client) -> Iterator[Check]:
    """Give the lines, as they are found.

    Args:
        uri: `s3://bucket/prefix`.
        client: The S3 client.

    Raises:
        SettingsError: The address names no bucket, or there are no credentials.
        TransientRemoteError: S3 could not be reached.
    """
    from botocore.exceptions import ClientError

    bucket, prefix = split_s3(uri)
    with explained(f"s3://{bucket}"):
        try:
            page: Any = client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=_LOOK_AT)
        except ClientError as error:
            yield _not_listed(error, bucket, prefix)
            return
    yield Check(f"permission s3:ListBucket on arn:aws:s3:::{bucket} for prefix {prefix or '(all)'}")
    found = [item for item in page.get("Contents", []) if item["Size"]]
    if not found:
        yield Check(
            f"nothing lies below {uri}",
            "check the prefix; Firehose writes its first object up to its buffering time after the first event",
        )
        return
    more = " and more" if page.get("IsTruncated") else ""
    yield Check(f"{len(found):,}{more} objects below {uri}")
    newest = max(found, key=lambda item: item["LastModified"])
    with explained(f"s3://{bucket}/{newest['Key']}"):
        try:
            answer = client.get_object(Bucket=bucket, Key=newest["Key"])
        except ClientError as error:
            yield _not_read(error, bucket, prefix)
            return
    yield Check(f"permission s3:GetObject on arn:aws:s3:::{bucket}/{prefix}*")
    yield _content(answer["Body"], newest["Key"])


def _not_listed(error: Any, bucket: str, prefix: str) -> Check:
    code = str(error.response["Error"]["Code"])
    if code in ("NoSuchBucket", "404"):
        return Check(f"bucket {bucket} does not exist", "check its name, and AWS_ENDPOINT_URL where one is set")
    if code in ("AccessDenied", "403"):
        return Check(
            "permission s3:ListBucket is missing",
            f"allow s3:ListBucket on arn:aws:s3:::{bucket} with the condition s3:prefix {prefix}* for the app's role",
        )
    if code in ("PermanentRedirect", "AuthorizationHeaderMalformed", "301"):
        return Check(f"bucket {bucket} is in another Region", "set AWS_REGION to the bucket's")
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"):
        return Check(f"S3 does not accept the credentials ({code})", "renew them: AWS_PROFILE or the AWS key variables")
    raise TransientRemoteError(f"S3 failed on s3://{bucket} ({code}). Nothing was changed; run doctor again later.")


def _not_read(error: Any, bucket: str, prefix: str) -> Check:
    told = error.response["Error"]
    if "kms" in str(told.get("Message", "")).lower() or "KMS" in str(told["Code"]):
        return Check(
            "permission kms:Decrypt is missing", f"allow kms:Decrypt on the key of bucket {bucket} for the app's role"
        )
    if told["Code"] == "InvalidObjectState":
        return Check(
            "the newest object is in an archive storage class", "restore it, or keep the prefix out of Glacier"
        )
    return Check(
        f"permission s3:GetObject is missing ({told['Code']})",
        f"allow s3:GetObject on arn:aws:s3:::{bucket}/{prefix}* for the app's role",
    )


def _content(body: Any, key: str) -> Check:
    """Read the first records of an object."""
    cutter = RecordCutter()
    name = key.rpartition("/")[2]
    try:
        first = next(iter(blocks(body)), b"")
    except CutShortError:
        return Check(f"the newest object ({name}) is cut short", "load all the same; what can be read is stored")
    finally:
        body.close()
    records = [record for listed in cutter.feed(first) for record in listed]
    if not records:  # one record without an end of line
        records = [record for listed in cutter.finish() for record in listed]
    sample = list(islice(records, 100))
    refused = [found.reason.value for _, found in sample if isinstance(found, Unread)]
    if not sample or len(refused) == len(sample):
        why = refused[0] if refused else "no records"
        return Check(f"the newest object ({name}) holds no events: {why}", "give the prefix that events are written to")
    return Check(f"the newest object ({name}) holds events that can be read")
