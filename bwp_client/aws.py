"""Access to AWS: the S3 client, the storage options of Delta Lake, and the table of AWS error codes.

Callers wrap their calls in `aws_errors` or `s3_errors`, which raise the errors of `bwp_client.errors`. Code that depends
on the cause of a failure calls `problem_of` instead of comparing error codes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bwp_client.errors import (
    BwpError,
    SettingsError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    UnconfirmedError,
    UsageError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef


@lru_cache(maxsize=1)
def s3_client() -> S3Client:
    """Return this process's S3 client, configured by the standard AWS variables."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=10, read_timeout=60)
    # Not the default session, which keeps the first credentials that it finds in this process.
    return boto3.Session().client("s3", config=config)


def list_objects(bucket: str, prefix: str, client: S3Client | None = None) -> Iterator[ObjectTypeDef]:
    """Yield every object whose key begins with a prefix, in key order, as S3 describes it.

    Raises:
        botocore.exceptions.ClientError: S3 refused or failed.
        botocore.exceptions.BotoCoreError: S3 could not be reached.
    """
    pages = (client or s3_client()).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return (item for page in pages for item in page.get("Contents", []))


def s3_endpoint() -> str | None:
    """Return the address of an S3 server other than AWS, or None."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def split_s3(uri: str) -> tuple[str, str]:
    """Return the bucket, and the key or prefix, of an `s3://` address.

    Raises:
        SettingsError: The address names no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise SettingsError(f"{uri!r} names no bucket. Write s3://bucket/prefix. Nothing was read or written.")
    return bucket, key


def delta_storage_options() -> dict[str, str]:
    """Return Delta Lake's storage options, with the credentials, Region and endpoint that boto3 uses at the time of the call.

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
    endpoint = s3_endpoint()
    if endpoint:
        options["aws_endpoint_url"] = endpoint
        options["aws_allow_http"] = "true" if endpoint.startswith("http://") else "false"
        options["aws_virtual_hosted_style_request"] = "false"
    return options


class AwsProblem(StrEnum):
    """The reason why a call to AWS failed, independent of the error codes of each service."""

    NO_CREDENTIALS = "no_credentials"
    BAD_CREDENTIALS = "bad_credentials"
    CLOCK = "clock"
    REFUSED = "refused"
    KEY_REFUSED = "key_refused"
    MISSING = "missing"
    OTHER_REGION = "other_region"
    ARCHIVED = "archived"
    CHANGED = "changed"
    ENDED = "ended"
    TAKEN = "taken"
    INVALID = "invalid"
    LIMIT = "limit"
    THROTTLED = "throttled"
    FAULT = "fault"
    UNREACHABLE = "unreachable"


_CODES: dict[AwsProblem, str] = {
    AwsProblem.BAD_CREDENTIALS: "ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId InvalidToken "
    "InvalidSignatureException SignatureDoesNotMatch TokenRefreshRequired UnrecognizedClientException",
    AwsProblem.CLOCK: "RequestExpired RequestTimeTooSkewed",
    AwsProblem.REFUSED: "AccessDenied AccessDeniedException UnauthorizedOperation 403",
    AwsProblem.KEY_REFUSED: "KmsAccessDenied KMS.AccessDeniedException",
    AwsProblem.MISSING: "NoSuchBucket NoSuchKey NonExistentQueue QueueDoesNotExist ResourceNotFoundException "
    "ValidationException:EventSourceArn 404",
    AwsProblem.OTHER_REGION: "AuthorizationHeaderMalformed IllegalLocationConstraintException PermanentRedirect 301",
    AwsProblem.ARCHIVED: "InvalidObjectState",
    AwsProblem.CHANGED: "PreconditionFailed 412",
    AwsProblem.ENDED: "IllegalStatusException",
    AwsProblem.TAKEN: "ResourceAlreadyExistsException",
    AwsProblem.INVALID: "InvalidParameterValue ReceiptHandleIsInvalid ValidationException",
    AwsProblem.LIMIT: "LimitExceededException",
    AwsProblem.THROTTLED: "OverLimit RequestLimitExceeded RequestThrottled SlowDown ThrottledException Throttling "
    "ThrottlingException TooManyRequestsException",
}
"""The problem of each known error code; any other code is a fault. A colon precedes the name of the rejected parameter."""

_PROBLEMS = {code: problem for problem, codes in _CODES.items() for code in codes.split()}

_RENEW = "Renew them: AWS_PROFILE or the AWS key variables."
_MESSAGES: dict[AwsProblem, tuple[type[BwpError], str, str]] = {
    AwsProblem.NO_CREDENTIALS: (
        SettingsError, "No AWS credentials were found for {call}", "Set AWS_PROFILE or the AWS key variables.",
    ),
    AwsProblem.BAD_CREDENTIALS: (TerminalRemoteError, "{service} refused the credentials for {call}", _RENEW),
    AwsProblem.CLOCK: (
        TerminalRemoteError, "{service} refused {call}, because this machine's clock is wrong",
        "Switch on time synchronisation (NTP), then start the command again.",
    ),
    AwsProblem.REFUSED: (
        TerminalRemoteError, "{service} refused {call}",
        "The app needs {permission}; `doctor` lists every permission.",
    ),
    AwsProblem.KEY_REFUSED: (
        TerminalRemoteError, "{service} refused {call}",
        "The app needs kms:Decrypt on the encryption key, and {permission}; `doctor` lists every permission.",
    ),
    AwsProblem.MISSING: (SourceNotFoundError, "{call} does not exist", "Check its name and the Region."),
    AwsProblem.OTHER_REGION: (TerminalRemoteError, "{call} is in another Region", "Set AWS_REGION to that Region."),
    AwsProblem.ARCHIVED: (
        TerminalRemoteError, "{call} is in an archive storage class", "Restore it, or keep the prefix out of Glacier.",
    ),
    AwsProblem.CHANGED: (TransientRemoteError, "{call} was overwritten while it was read", "{retry}"),
    AwsProblem.ENDED: (TerminalRemoteError, "{service} refused {call}, because it has ended", "{retry}"),
    AwsProblem.TAKEN: (TerminalRemoteError, "{service} refused {call}, because the name is taken", "{retry}"),
    AwsProblem.INVALID: (UsageError, "{service} refused {call} as not valid", "Check the names and the window."),
    AwsProblem.LIMIT: (
        TransientRemoteError, "{service} refused {call}, because a limit of the account is reached", "{retry}",
    ),
    AwsProblem.THROTTLED: (TransientRemoteError, "{service} is throttling {call}", "{retry}"),
    AwsProblem.FAULT: (TransientRemoteError, "{service} failed on {call}", "{retry}"),
    AwsProblem.UNREACHABLE: (UnconfirmedError, "{service} could not be reached for {call}", "{retry}"),
}  # fmt: skip
"""The error for each problem: its type, a description of the failure, and the next step."""

_INVALID_PARAMETER = re.compile(r"Parameter ([\w.]+) is not valid")
_CODE_IN_TEXT = re.compile(r"\bstatus\D{0,10}(\d{3})\b|\b([A-Z]\w+)")
_S3_READ = "s3:ListBucket on the bucket and s3:GetObject on the prefix (and kms:Decrypt for encrypted objects)"


def problem_of(error: BaseException) -> AwsProblem | None:
    """Return why a call failed, or None if the error does not come from boto3.

    Args:
        error: Any exception. Exceptions of boto3, botocore and s3transfer are classified by type and error code.
    """
    import boto3.exceptions
    import botocore.exceptions
    import s3transfer.exceptions

    if isinstance(error, botocore.exceptions.ClientError):
        code, message = _code_and_message(error)
        problem = _PROBLEMS.get(code) or _PROBLEMS.get(code.partition(":")[0].rpartition(".")[2], AwsProblem.FAULT)
        # S3 answers AccessDenied for a refused KMS key, too; the message names the refused action.
        return AwsProblem.KEY_REFUSED if problem is AwsProblem.REFUSED and "kms:" in message else problem
    no_credentials = botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError
    if isinstance(error, no_credentials):
        return AwsProblem.NO_CREDENTIALS
    unreachable = (
        botocore.exceptions.BotoCoreError,
        boto3.exceptions.Boto3Error,
        s3transfer.exceptions.RetriesExceededError,
    )
    return AwsProblem.UNREACHABLE if isinstance(error, unreachable) else None


def problem_in(text: str) -> AwsProblem | None:
    """Return the problem of the first known error code in the message of another S3 client, or None."""
    codes = (status or word for status, word in _CODE_IN_TEXT.findall(text))
    return next((_PROBLEMS[code] for code in codes if code in _PROBLEMS), None)


def _code_and_message(error: Any) -> tuple[str, str]:
    """Return the code and the message of a `ClientError`; for a validation error, the code is `code:parameter`."""
    answer = error.response.get("Error", {})
    code, message = str(answer.get("Code", "")), str(answer.get("Message", ""))
    parameter = _INVALID_PARAMETER.search(message)
    return (f"{code}:{parameter[1]}" if parameter else code), message


@contextmanager
def aws_errors(
    call: str,
    *,
    state: str,
    permission: str,
    retry: str = "Load again later.",
    service: str = "AWS",
    hints: Mapping[str, tuple[str, str]] | None = None,
) -> Iterator[None]:
    """Convert an error of boto3 in the block into an error of `bwp_client.errors`, with the original as its cause.

    Args:
        call: The call and its object, such as `DescribeArchive on archive x`.
        state: The state of the data when the call fails, as a sentence.
        permission: The permission that the call needs.
        retry: The next step after a failure that may pass, as a sentence.
        service: The name of the service in messages.
        hints: Texts that replace the defaults, by problem or error code: what happened, and the next step as a sentence.

    Raises:
        SettingsError: There are no credentials.
        UsageError: The object does not exist (`SourceNotFoundError`), or an argument is not valid.
        TerminalRemoteError: AWS refused for good.
        TransientRemoteError: AWS throttled the call, or failed; `UnconfirmedError` if the call may have taken effect.
    """
    try:
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        code, status = type(error).__name__, 0
        if isinstance(response := getattr(error, "response", None), dict):
            code, status = _code_and_message(error)[0], response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind, happened, next_step = _MESSAGES[problem]
        if kind is TransientRemoteError and status >= 500:
            kind = UnconfirmedError
        plain_code = code.partition(":")[0]
        happened += " ({code})"
        hint = next((hint for key, hint in (hints or {}).items() if key in (code, plain_code, problem)), None)
        if hint is not None:
            happened, next_step = f"{{service}} answered {{call}}: {hint[0]}", hint[1]
        words = {"code": plain_code, "call": call, "service": service, "permission": permission, "retry": retry}
        raise kind(f"{happened}. {{state}} {next_step}".format(state=state, **words)) from error


def s3_errors(
    uri: str,
    *,
    state: str = "Stored events are unchanged.",
    permission: str = _S3_READ,
    retry: str = "To go on, load again.",
) -> AbstractContextManager[None]:
    """Convert an error of S3 in the block into an error of `bwp_client.errors`; see `aws_errors`."""
    return aws_errors(uri, state=state, permission=permission, retry=retry, service="S3")
