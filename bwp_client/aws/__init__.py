"""Access to AWS: sessions, clients, the storage options of Delta Lake, and one translation of AWS errors for all of them.

Callers wrap their calls in `aws_errors` or `s3_errors`, which raise the errors of `bwp_client.errors`. Code that depends
on the cause of a failure calls `problem_of` instead of comparing error codes.
"""

from bwp_client.aws.errors import AwsCall, aws_errors, error_of, payer_hint, s3_errors
from bwp_client.aws.problems import AwsProblem, problem_in, problem_of, unknown_region_in
from bwp_client.aws.s3 import (
    bucket_region,
    delta_storage_options,
    download,
    list_objects,
    object_store,
    s3_client,
    split_s3,
)
from bwp_client.aws.session import aws_client, aws_session

__all__ = [
    "AwsCall",
    "AwsProblem",
    "aws_client",
    "aws_errors",
    "aws_session",
    "bucket_region",
    "delta_storage_options",
    "download",
    "error_of",
    "list_objects",
    "object_store",
    "payer_hint",
    "problem_in",
    "problem_of",
    "s3_client",
    "s3_errors",
    "split_s3",
    "unknown_region_in",
]
