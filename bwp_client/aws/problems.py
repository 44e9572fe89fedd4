"""The reasons why calls to AWS fail, found by error code, by exception type, or in the text of another S3 client's error."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any


class AwsProblem(StrEnum):
    """The reason why a call to AWS failed, independent of the error codes of each service."""

    PROFILE = "profile"
    CONFIG_FILE = "config_file"
    CONFIGURATION = "configuration"
    REGION = "region"
    NO_REGION = "no_region"
    NO_CREDENTIALS = "no_credentials"
    PARTIAL_CREDENTIALS = "partial_credentials"
    SSO_LOGIN = "sso_login"
    LOGIN = "login"
    HELPER = "helper"
    CREDENTIAL_SERVICE = "credential_service"
    EXPIRED = "expired"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - no secret
    CLOCK = "clock"
    REFUSED = "refused"
    KEY_REFUSED = "key_refused"
    KEY_UNUSABLE = "key_unusable"
    CUSTOMER_KEY = "customer_key"
    ACCOUNT = "account"
    MISSING = "missing"
    NO_BUCKET = "no_bucket"
    NO_OBJECT = "no_object"
    OTHER_REGION = "other_region"
    ARCHIVED = "archived"
    CHANGED = "changed"
    ENDED = "ended"
    TAKEN = "taken"
    INVALID = "invalid"
    LIMIT = "limit"
    THROTTLED = "throttled"
    FAULT = "fault"
    CERTIFICATE = "certificate"
    PROXY = "proxy"
    NO_AWS = "no_aws"
    SLOW = "slow"
    UNREACHABLE = "unreachable"


_CODES: dict[AwsProblem, str] = {
    AwsProblem.EXPIRED: "ExpiredToken ExpiredTokenException TokenRefreshRequired",
    AwsProblem.UNKNOWN_KEY: "InvalidAccessKeyId InvalidClientTokenId InvalidToken UnrecognizedClientException "
    "MissingAuthenticationToken MissingAuthenticationTokenException InvalidSecurity",
    AwsProblem.WRONG_SECRET: "InvalidSignatureException SignatureDoesNotMatch IncompleteSignature "
    "IncompleteSignatureException",
    AwsProblem.CLOCK: "RequestExpired RequestTimeTooSkewed RequestInTheFuture",
    AwsProblem.REFUSED: "AccessDenied AccessDeniedException ForbiddenException UnauthorizedException "
    "UnauthorizedAccess UnauthorizedOperation 401 403",
    AwsProblem.KEY_REFUSED: "KmsAccessDenied KMS.AccessDeniedException",
    AwsProblem.KEY_UNUSABLE: "DecryptionFailure EncryptionFailure KMS.DisabledException KMS.InvalidKeyUsageException "
    "KMS.InvalidStateException KMS.KMSInvalidStateException KMS.KeyUnavailableException KMS.NotFoundException "
    "KMS.OptInRequired KMSInvalidStateException KmsDisabled KmsInvalidKeyUsage KmsInvalidState KmsNotFound KmsOptInRequired",
    AwsProblem.ACCOUNT: "AccountProblem AllAccessDisabled InvalidPayer NotSignedUp OptInRequired SubscriptionRequired "
    "SubscriptionRequiredException",
    AwsProblem.NO_BUCKET: "NoSuchBucket",
    AwsProblem.MISSING: "NonExistentQueue QueueDoesNotExist ResourceNotFoundException "
    "ValidationException:EventSourceArn 404",
    AwsProblem.NO_OBJECT: "NoSuchKey NoSuchVersion",
    AwsProblem.OTHER_REGION: "AuthorizationHeaderMalformed IllegalLocationConstraintException IncorrectEndpoint "
    "PermanentRedirect Redirect TemporaryRedirect 301 307",
    AwsProblem.ARCHIVED: "InvalidObjectState",
    AwsProblem.CHANGED: "PreconditionFailed 412",
    AwsProblem.ENDED: "IllegalStatusException",
    AwsProblem.TAKEN: "ResourceAlreadyExistsException",
    AwsProblem.INVALID: "InvalidAddress InvalidBucketName InvalidParameterValue KeyTooLongError ReceiptHandleIsInvalid "
    "ValidationError ValidationException",
    AwsProblem.LIMIT: "LimitExceededException",
    AwsProblem.THROTTLED: "BandwidthLimitExceeded EC2ThrottledException KMS.ThrottlingException KmsThrottled OverLimit "
    "PriorRequestNotComplete RequestLimitExceeded RequestThrottled RequestThrottledException ServiceUnavailable SlowDown "
    "ThrottledException Throttling ThrottlingException TooManyRequests TooManyRequestsException 429 503",
}
"""The problem of each known error code; any other code is a fault. A colon precedes the name of the rejected parameter."""

PROBLEMS = {code: problem for problem, codes in _CODES.items() for code in codes.split()}

_TYPES: dict[AwsProblem, str] = {
    AwsProblem.PROFILE: "ProfileNotFound",
    AwsProblem.CONFIG_FILE: "ConfigParseError",
    AwsProblem.REGION: "InvalidRegionError UnknownRegionError",
    AwsProblem.NO_REGION: "NoRegionError",
    AwsProblem.NO_CREDENTIALS: "NoCredentialsError NoAuthTokenError",
    AwsProblem.PARTIAL_CREDENTIALS: "PartialCredentialsError",
    AwsProblem.SSO_LOGIN: "SSOError TokenRetrievalError",
    AwsProblem.LOGIN: "LoginError",
    AwsProblem.CREDENTIAL_SERVICE: "CredentialRetrievalError MetadataRetrievalError",
    AwsProblem.CONFIGURATION: "EndpointProviderError EndpointVariantError InvalidChecksumConfigError InvalidConfigError "
    "InvalidDefaultsMode InvalidEndpointConfigurationError InvalidIMDSEndpointError InvalidIMDSEndpointModeError "
    "InvalidProxiesConfigError InvalidRetryConfigurationError InvalidS3AddressingStyleError "
    "InvalidS3UsEast1RegionalEndpointConfigError InvalidSTSRegionalEndpointsConfigError MissingDependencyException "
    "RefreshWithMFAUnsupportedError UnknownCredentialError UnknownEndpointError UnsupportedS3ConfigurationError",
    AwsProblem.INVALID: "ParamValidationError",
    AwsProblem.CERTIFICATE: "SSLError",
    AwsProblem.PROXY: "ProxyConnectionError",
    AwsProblem.NO_AWS: "PaginationError ResponseParserError",
    AwsProblem.SLOW: "SlowAnswerError",
    AwsProblem.FAULT: "ChecksumError FlexibleChecksumError",
    AwsProblem.UNREACHABLE: "Boto3Error BotoCoreError RetriesExceededError",
}
"""The problem of each exception type of boto3, botocore, s3transfer and `call_limit`, and of the types below it."""

_TYPE_PROBLEMS = {name: problem for problem, names in _TYPES.items() for name in names.split()}
_LIBRARIES = ("boto3.", "botocore.", "s3transfer.", "bwp_client.aws.call_limit.")

_INVALID_PARAMETER = re.compile(r"Parameter ([\w.]+) is not valid")
_CODE_ELEMENT = re.compile(r"<Code>\s*([\w.]+)\s*</Code>")
_CODE_IN_TEXT = re.compile(r"\bstatus\D{0,40}(\d{3})\b|\b([A-Z]\w+)")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_WORDS_IN_TEXT = {
    "redirect without LOCATION": AwsProblem.OTHER_REGION,
    "error sending request": AwsProblem.UNREACHABLE,
}
"""What another S3 client says in its own words where S3 sent no code."""
_REGION_IN_ADDRESS = re.compile(r"\.([a-z]{2,}(?:-[a-z0-9]+)+)\.(?:amazonaws\.com|api\.aws)")
_STALE_SIGNATURE = re.compile(r"Signature (?:expired|not yet current)", re.IGNORECASE)


def problem_of(error: BaseException | None) -> AwsProblem | None:
    """Return why a call failed, or None if the error does not come from boto3.

    Args:
        error: Any exception. Exceptions of boto3, botocore and s3transfer are classified by type and error code.
    """
    if error is None:
        return None
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return _problem_of_code(*code_and_message(error))
    types = [kind for kind in type(error).__mro__ if f"{kind.__module__}.".startswith(_LIBRARIES)]
    problem = next((_TYPE_PROBLEMS[kind.__name__] for kind in types if kind.__name__ in _TYPE_PROBLEMS), None)
    if problem is AwsProblem.CREDENTIAL_SERVICE:
        provider = getattr(error, "kwargs", {}).get("provider", "")
        return {"custom-process": AwsProblem.HELPER, "Environment": AwsProblem.CONFIGURATION}.get(provider, problem)
    return problem


def _problem_of_code(code: str, message: str) -> AwsProblem:
    problem = PROBLEMS.get(code) or PROBLEMS.get(code.partition(":")[0].rpartition(".")[2], AwsProblem.FAULT)
    if problem is AwsProblem.REFUSED and "kms:" in message:
        return (
            AwsProblem.KEY_REFUSED
        )  # S3 answers AccessDenied for a refused KMS key, too; the message names the action
    if problem is AwsProblem.WRONG_SECRET and _STALE_SIGNATURE.search(message):
        return AwsProblem.CLOCK  # all services but S3 answer a wrong clock with the code of a wrong signature
    if code == "InvalidRequest" and "Server Side Encryption" in message:
        return AwsProblem.CUSTOMER_KEY
    return problem


def problem_in(text: str) -> tuple[AwsProblem | None, str]:
    """Return the problem of the error code in the message of another S3 client, and the code.

    The code of the answer's body is more exact than the HTTP status before it: an expired token has the status of a missing
    permission. Without a known code, the problem is None, and the code is empty.
    """
    text = _COLOUR.sub("", text)
    elements = _CODE_ELEMENT.findall(text)
    words = [status or word for status, word in _CODE_IN_TEXT.findall(text)]
    for code in [*elements, *words]:
        if code in PROBLEMS:
            return _problem_of_code(code, text), code
    if elements:
        return AwsProblem.FAULT, elements[0]
    return next(((problem, "") for words, problem in _WORDS_IN_TEXT.items() if words in text), (None, ""))


def unknown_region_in(text: str) -> str | None:
    """Return the Region of the first AWS address in a text, if no partition of AWS is known to have it."""
    found = _REGION_IN_ADDRESS.search(text)
    if found is None:
        return None
    import boto3

    session = boto3.Session(region_name="us-east-1")
    known = {name for part in session.get_available_partitions() for name in session.get_available_regions("s3", part)}
    return None if found[1] in known else found[1]


def region_named(error: Any) -> str | None:
    """Return the Region of the bucket that S3 names when it refuses a call to another Region, or None."""
    region = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return None if region is None else str(region)


def code_and_message(error: Any) -> tuple[str, str]:
    """Return the code and the message of a `ClientError`; for a validation error, the code is `code:parameter`."""
    answer = error.response.get("Error", {})
    code, message = str(answer.get("Code", "")), str(answer.get("Message", ""))
    parameter = _INVALID_PARAMETER.search(message)
    return (f"{code}:{parameter[1]}" if parameter else code), message
