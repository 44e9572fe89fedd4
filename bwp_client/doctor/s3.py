"""`doctor s3://bucket/prefix`: inspects the bucket, the two permissions, and whether the newest object holds events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from bwp_client.aws import AwsProblem, payer_hint, problem_of, s3_errors, split_s3
from bwp_client.decoding.compression import CutShortError, UnsupportedFormatError, blocks
from bwp_client.decoding.framing import RecordFramer
from bwp_client.decoding.records import Rejected, exact_records
from bwp_client.doctor.findings import Finding
from bwp_client.errors import TerminalRemoteError
from bwp_client.sources import S3Source

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

_MOST_LISTED = 1000


def inspect_s3(uri: str, client: S3Client, *, leave_out: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield each finding as soon as it is known.

    Args:
        uri: `s3://bucket/prefix`.
        client: The S3 client.
        leave_out: As `open_source` takes it.

    Raises:
        SettingsError: The address names no bucket, or the AWS configuration is wrong.
        TransientRemoteError: S3 could not be reached.
    """
    from botocore.exceptions import ClientError

    source = S3Source(uri, leave_out=leave_out)
    bucket, prefix = split_s3(uri)
    with _errors(f"s3://{bucket}"):
        try:
            first = list(islice(source.listed(client), _MOST_LISTED + 1))
        except ClientError as error:
            yield _not_listed(error, bucket, prefix)
            return
    yield Finding(f"permission s3:ListBucket on arn:aws:s3:::{bucket} for prefix {prefix or '(all)'}")
    found = [item for item in first[:_MOST_LISTED] if item["Size"]]
    if not found:
        yield Finding(
            f"nothing lies below {uri}",
            "check the prefix; Firehose writes its first object up to its buffering time after the first event",
        )
        return
    more = " and more" if len(first) > _MOST_LISTED else ""
    yield Finding(f"{len(found):,}{more} objects below {uri}")
    newest = max(found, key=lambda item: item["LastModified"])
    with _errors(f"s3://{bucket}/{newest['Key']}"):
        try:
            answer = client.get_object(Bucket=bucket, Key=newest["Key"])
        except ClientError as error:
            yield _not_read(error, bucket, prefix)
            return
    yield Finding(f"permission s3:GetObject on arn:aws:s3:::{bucket}/{prefix}*")
    yield _content(answer["Body"], newest["Key"])


def _errors(uri: str) -> AbstractContextManager[None]:
    return s3_errors(uri, state="Nothing was changed.", retry="Run doctor again later.")


def _not_listed(error: ClientError, bucket: str, prefix: str) -> Finding:
    """Return the finding for a bucket that can't be listed; raise an error that may be temporary."""
    match problem_of(error):
        case AwsProblem.NO_BUCKET | AwsProblem.MISSING:
            return Finding(f"bucket {bucket} does not exist", "check its name, and AWS_ENDPOINT_URL where one is set")
        case AwsProblem.REFUSED:
            return Finding(
                "permission s3:ListBucket is missing",
                f"allow s3:ListBucket on arn:aws:s3:::{bucket} with the condition s3:prefix {prefix}* for the app's role"
                + payer_hint(),
            )
    return _refused(error, f"s3://{bucket}")


def _not_read(error: ClientError, bucket: str, prefix: str) -> Finding:
    """Return the finding for an object that can't be read."""
    match problem_of(error):
        case AwsProblem.KEY_REFUSED:
            return Finding(
                "permission kms:Decrypt is missing",
                f"allow kms:Decrypt on the key of bucket {bucket} for the app's role",
            )
        case AwsProblem.ARCHIVED:
            return Finding(
                "the newest object is in an archive storage class", "restore it, or keep the prefix out of Glacier"
            )
        case AwsProblem.REFUSED:
            return Finding(
                f"permission s3:GetObject is missing ({error.response['Error']['Code']})",
                f"allow s3:GetObject on arn:aws:s3:::{bucket}/{prefix}* for the app's role{payer_hint()}",
            )
    return _refused(error, f"s3://{bucket}/{prefix}")


def _refused(error: ClientError, uri: str) -> Finding:
    """Return the finding for a refusal, as a load reports it; raise an error that may be temporary."""
    try:
        with _errors(uri):
            raise error
    except TerminalRemoteError as refused:
        happened, _, next_step = str(refused).partition(". Nothing was changed. ")
        return Finding(happened, next_step)


def _content(body: Any, key: str) -> Finding:
    """Return whether the first records of an object can be read."""
    framer = RecordFramer()
    name = key.rpartition("/")[2]
    try:
        first = next(iter(blocks(body)), b"")
    except CutShortError:
        return Finding(
            f"the newest object ({name}) is cut short", "load it anyway: the records before the cut are stored"
        )
    except UnsupportedFormatError as error:
        return Finding(
            f"the newest object ({name}) is {error.description}, which is not read",
            "write events as plain text, gzip, zstd, snappy (framed or Hadoop), zip or Parquet",
        )
    finally:
        body.close()
    sample = list(islice(exact_records(chain(framer.feed(first), framer.finish())), 100))
    refused = [record.reason.value for record in sample if isinstance(record, Rejected)]
    if not sample or len(refused) == len(sample):
        why = refused[0] if refused else "no records"
        return Finding(
            f"the newest object ({name}) holds no events: {why}", "give the prefix that events are written to"
        )
    return Finding(f"the newest object ({name}) holds events that can be read")
