"""AWS errors become ours by their code alone: who can fix them, whether a retry helps, and what to do next."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError, PartialCredentialsError

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
    ("ExpiredTokenException", TerminalRemoteError, "refused the credentials"),
    ("RequestTimeTooSkewed", TerminalRemoteError, "clock"),
    ("PermanentRedirect", TerminalRemoteError, "AWS_REGION"),
    ("InvalidObjectState", TerminalRemoteError, "storage class"),
    ("NoSuchBucket", SourceNotFoundError, "does not exist"),
    ("AWS.SimpleQueueService.NonExistentQueue", SourceNotFoundError, "does not exist"),
    ("ValidationException", UsageError, "not valid"),
    ("412", TransientRemoteError, "overwritten"),
    ("LimitExceededException", TransientRemoteError, "limit"),
    ("ThrottlingException", TransientRemoteError, "throttling"),
    ("SomethingNew", TransientRemoteError, "failed on Call on x (SomethingNew)"),
]


@pytest.mark.parametrize(("code", "kind", "words"), CODES)
def test_a_code_decides_type_and_message(code: str, kind: type[BwpError], words: str) -> None:
    error = raised(answer(code))
    assert type(error) is kind
    assert words in str(error)


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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Client error with status 403 Forbidden: <Error><Code>AccessDenied</Code>", AwsProblem.REFUSED),
        ("<Code>NoSuchBucket</Code>", AwsProblem.MISSING),
        ("Server returned non-2xx status code: 403 Forbidden: ", AwsProblem.REFUSED),
        ("part-403-x.parquet, version 404: connection reset", None),
    ],
)
def test_a_code_is_found_in_another_clients_message(text: str, problem: AwsProblem | None) -> None:
    assert problem_in(text) is problem
