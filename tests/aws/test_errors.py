"""AWS errors become ours by their code: who can fix them, whether a retry helps, and what to do next."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from bwp_client.aws import AwsProblem, aws_errors, problem_in, problem_of, s3_errors
from bwp_client.errors import (
    BwpError,
    SettingsError,
    SourceNotFoundError,
    TerminalRemoteError,
    TransientRemoteError,
    UnconfirmedError,
    UsageError,
)


def answer(code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call"
    )  # type: ignore[typeddict-item]


def raised(error: BaseException, **hints: tuple[str, str]) -> BwpError:
    with (
        pytest.raises(BwpError) as caught,
        aws_errors("Call on x", state="Nothing was done.", permission="x:Call", retry="Do it again.", hints=hints),
    ):
        raise error
    assert caught.value.__cause__ is error
    assert "Nothing was done." in str(caught.value)
    return caught.value


CODES = [
    ("AccessDenied", TerminalRemoteError, "The app needs x:Call"),
    ("403", TerminalRemoteError, "The app needs x:Call"),
    ("AWS.SimpleQueueService.KmsAccessDenied", TerminalRemoteError, "kms:Decrypt"),
    ("KMS.DisabledException", TerminalRemoteError, "key is disabled"),
    ("KMS.KMSInvalidStateException", TerminalRemoteError, "Enable the KMS key"),
    ("KmsDisabled", TerminalRemoteError, "Enable the KMS key"),
    ("DecryptionFailure", TerminalRemoteError, "Enable the KMS key"),
    ("ExpiredToken", TerminalRemoteError, "have expired"),
    ("ExpiredTokenException", TerminalRemoteError, "have expired"),
    ("InvalidAccessKeyId", TerminalRemoteError, "does not know the key"),
    ("UnrecognizedClientException", TerminalRemoteError, "does not know the key"),
    ("SignatureDoesNotMatch", TerminalRemoteError, "secret key"),
    ("RequestTimeTooSkewed", TerminalRemoteError, "clock"),
    ("PermanentRedirect", TerminalRemoteError, "AWS_REGION"),
    ("OptInRequired", TerminalRemoteError, "not enabled"),
    ("InvalidObjectState", TerminalRemoteError, "storage class"),
    ("NoSuchBucket", SourceNotFoundError, "The bucket of Call on x does not exist"),
    ("AWS.SimpleQueueService.NonExistentQueue", SourceNotFoundError, "does not exist"),
    ("ValidationException", UsageError, "not valid"),
    ("412", TransientRemoteError, "overwritten"),
    ("LimitExceededException", TransientRemoteError, "limit"),
    ("ThrottlingException", TransientRemoteError, "throttling"),
    ("KMS.ThrottlingException", TransientRemoteError, "throttling"),
    ("ServiceUnavailable", TransientRemoteError, "throttling"),
    ("SomethingNew", TransientRemoteError, "failed on Call on x (SomethingNew)"),
]


@pytest.mark.parametrize(("code", "kind", "words"), CODES)
def test_a_code_decides_type_and_message(code: str, kind: type[BwpError], words: str) -> None:
    error = raised(answer(code))
    assert isinstance(error, kind)
    assert words in str(error)


@pytest.mark.parametrize(
    "text", ["Signature expired: 20261129T1 is now earlier than 20261129T2", "Signature not yet current: x"]
)
@pytest.mark.parametrize("code", ["InvalidSignatureException", "SignatureDoesNotMatch"])
def test_a_signature_of_another_time_is_a_wrong_clock(code: str, text: str) -> None:
    assert "clock" in str(raised(answer(code, text)))


def test_an_object_that_is_encrypted_with_its_writers_own_key_is_no_passing_failure() -> None:
    message = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided"
    error = raised(answer("InvalidRequest", message))
    assert isinstance(error, TerminalRemoteError)
    assert "SSE-C" in str(error)


def test_a_refusal_names_the_region_that_aws_named() -> None:
    refused = answer("PermanentRedirect", status=301)
    refused.response["ResponseMetadata"]["HTTPHeaders"] = {"x-amz-bucket-region": "eu-west-1"}
    assert "is in Region eu-west-1" in str(raised(refused))


def test_an_address_in_a_region_that_does_not_exist_is_a_wrong_setting() -> None:
    for region, kind in (("eu-cental-1", SettingsError), ("eu-central-1", UnconfirmedError)):
        away = EndpointConnectionError(endpoint_url=f"https://b.s3.{region}.amazonaws.com/p")
        assert type(raised(away)) is kind


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (SSLError(endpoint_url="https://x", error="self-signed certificate"), TerminalRemoteError, "AWS_CA_BUNDLE"),
        (ProxyConnectionError(proxy_url="http://x", error="refused"), UnconfirmedError, "HTTPS_PROXY"),
        (ResponseParserError("not XML: <html>s3cr3t"), TerminalRemoteError, "no proxy or login page"),
        (ParamValidationError(report="Invalid bucket name"), UsageError, "not valid"),
    ],
)
def test_a_failure_without_a_code_has_its_own_next_step(error: Exception, kind: type[BwpError], words: str) -> None:
    found = raised(error)
    assert type(found) is kind
    assert words in str(found)
    assert "s3cr3t" not in str(found)


def test_a_server_fault_leaves_open_whether_the_call_was_carried_out() -> None:
    assert type(raised(answer("InternalFailure", status=500))) is UnconfirmedError
    assert type(raised(ConnectTimeoutError(endpoint_url="http://x"))) is UnconfirmedError
    assert type(raised(answer("InternalFailure", status=400))) is TransientRemoteError


def test_missing_credentials_are_a_setting() -> None:
    for error in (NoCredentialsError(), PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY")):
        assert type(raised(error)) is SettingsError


def test_a_refusal_that_names_a_kms_action_is_about_the_key() -> None:
    assert problem_of(answer("AccessDenied", "not authorized to perform: kms:Decrypt")) is AwsProblem.KEY_REFUSED


def test_a_hint_goes_by_problem_by_code_or_by_the_parameter_that_is_not_valid() -> None:
    invalid = answer("ValidationException", "Parameter EventEndTime is not valid. Reason: {secret}")
    for key in ("ValidationException:EventEndTime", "ValidationException", AwsProblem.INVALID):
        error = raised(invalid, **{key: ("the window is empty", "Give another.")})
        assert str(error) == "AWS answered Call on x: the window is empty. Nothing was done. Give another."
    assert "as not valid (ValidationException)" in str(raised(invalid, other=("no", "no")))


def test_braces_in_names_and_codes_are_text() -> None:
    with pytest.raises(TransientRemoteError, match=r"s3://b/\{call\} \(\{x\}\)"), s3_errors("s3://b/{call}"):
        raise answer("{x}")


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), s3_errors("s3://b/p"):
        raise ZeroDivisionError


TEXTS = [
    ("Client error with status 403 Forbidden: <Error><Code>AccessDenied</Code>", AwsProblem.REFUSED),
    ("status code: 403 Forbidden: <Error><Code>RequestTimeTooSkewed</Code>", AwsProblem.CLOCK),
    ("<Code>NoSuchBucket</Code>", AwsProblem.NO_BUCKET),
    ("<Code>KMS.DisabledException</Code>", AwsProblem.KEY_UNUSABLE),
    ("Server returned non-2xx status code: 403 Forbidden: ", AwsProblem.REFUSED),
    ("status code \x1b[31m↳\x1b[0m 403 Forbidden", AwsProblem.REFUSED),
    ("Received redirect without LOCATION, this indicates an incorrectly configured region", AwsProblem.OTHER_REGION),
    ("status code: 400 Bad Request: <Code>SomethingNew</Code>", AwsProblem.FAULT),
    ("part-403-x.parquet, version 404: connection reset", None),
]


@pytest.mark.parametrize(("text", "problem"), TEXTS)
def test_a_code_is_found_in_another_clients_message(text: str, problem: AwsProblem | None) -> None:
    assert problem_in(text)[0] is problem
