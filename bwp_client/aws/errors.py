"""Converts errors of AWS calls into the errors of `bwp_client.errors`: one table of messages for every command and client."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bwp_client.aws.messages import MESSAGES
from bwp_client.aws.problems import AwsProblem, code_and_message, problem_of, region_named, unknown_region_in
from bwp_client.errors import (
    BwpError,
    TransientRemoteError,
    UnconfirmedError,
)

_CREDENTIAL_MODULES = ("botocore.credentials", "botocore.tokens")
_SHOWN_CHARACTERS = 300
DEFAULT_PROFILE = "default"
S3 = "S3"
"""The name of the service in messages about S3."""

_S3_READ = "s3:ListBucket on the bucket and s3:GetObject on the prefix (and kms:Decrypt for encrypted objects)"


@dataclass(frozen=True, slots=True)
class AwsCall:
    """A call to AWS, as the messages of its errors describe it.

    Attributes:
        call: The call and its object, such as `DescribeArchive on archive x`.
        state: The state of the data when the call fails, as a sentence.
        permission: The permission that the call needs.
        retry: The next step after a failure that may pass, as a sentence.
        service: The name of the service in messages.
    """

    call: str
    state: str = "Nothing was read or written."
    permission: str = "all permissions that `doctor` lists"
    retry: str = "Start the command again."
    service: str = "AWS"


def error_of(
    problem: AwsProblem,
    call: AwsCall,
    *,
    code: str,
    detail: str = "",
    region: str | None = None,
    hint: tuple[str, str] | None = None,
) -> BwpError:
    """Return the error that a failed call raises.

    Args:
        problem: Why the call failed.
        call: The call.
        code: The error code, or the type of the exception; empty if there is none.
        detail: The part of the configuration that is wrong, for problems with the configuration.
        region: The Region of the bucket, if it is another and AWS named it.
        hint: A text that replaces the default: what happened, and the next step as a sentence.
    """
    kind, happened, next_step = MESSAGES[problem]
    if hint is not None:
        happened, next_step = f"{{service}} answered {{call}}: {hint[0]}", hint[1]
    elif code:
        happened += " ({code})"
    profile = _profile_to_log_in() if problem in (AwsProblem.SSO_LOGIN, AwsProblem.LOGIN) else profile_name()
    permission = call.permission + (payer_hint() if call.service == S3 else "")
    words = {
        "call": call.call, "service": call.service, "permission": permission, "retry": call.retry, "code": code,
        "detail": detail[:_SHOWN_CHARACTERS].strip().rstrip("."),
        "region": f"Region {region}" if region else "another Region",
        **_credential_words(profile),
    }  # fmt: skip
    return kind(f"{happened}. {{state}} {next_step}".format(state=call.state, **words))


def payer_hint() -> str:
    """Return the part of a message about a refusal that says how to read a bucket whose requester pays."""
    from bwp_client.settings import Settings  # heavy: the workers of a load of files do without it

    if Settings.load().s3_request_payer is not None:
        return ""
    return "; if the requester pays for the bucket, set BWP_S3_REQUEST_PAYER=requester"


def _credential_words(profile: str) -> dict[str, str]:
    """Return the parts of messages that name the profile or the variables that the credentials come from."""
    option = "" if profile == DEFAULT_PROFILE else f" --profile {profile}"
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        holder = "the AWS key variables"
        renew = "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to new ones, or unset them."
    else:
        holder = f"AWS profile {profile!r}"
        renew = f"Log in again (`aws sso login{option}`), or renew the profile's keys."
    return {"profile": f"AWS profile {profile!r}", "option": option, "holder": holder, "renew": renew}


def profile_name() -> str:
    """Return the name of the AWS profile in use."""
    return os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or DEFAULT_PROFILE


def _profile_to_log_in() -> str:
    """Return the profile to log in: the one in use, or the one whose credentials it takes to assume its role."""
    import botocore.session

    profiles = botocore.session.Session().full_config["profiles"]
    name, seen = profile_name(), set[str]()
    while name not in seen and (source := profiles.get(name, {}).get("source_profile")):
        seen.add(name)
        name = source
    return name


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
        call: As in `AwsCall`, like the next four.
        state: See there.
        permission: See there.
        retry: See there.
        service: See there.
        hints: Texts that replace the defaults, by problem or error code: what happened, and the next step as a sentence.

    Raises:
        SettingsError: The AWS configuration is wrong, a profile is not logged in, or there are no credentials.
        UsageError: The object does not exist (`SourceNotFoundError`), or an argument is not valid.
        TerminalRemoteError: AWS refused for good.
        TransientRemoteError: AWS throttled the call, or failed; `UnconfirmedError` if the call may have taken effect.
    """
    described = AwsCall(call, state, permission, retry, service)
    try:
        yield
    except BwpError:
        raise
    except Exception as error:
        if _is_of_credentials(error):
            raise configuration_error(error, described) from error
        if problem_of(error) is None:
            raise
        raise _call_error(error, described, hints or {}) from error


def s3_errors(
    uri: str,
    *,
    state: str = "Stored events are unchanged.",
    permission: str = _S3_READ,
    retry: str = "To go on, load again.",
    hints: Mapping[str, tuple[str, str]] | None = None,
) -> AbstractContextManager[None]:
    """Convert an error of S3 in the block into an error of `bwp_client.errors`; see `aws_errors`."""
    return aws_errors(uri, state=state, permission=permission, retry=retry, service=S3, hints=hints)


def _call_error(error: Exception, call: AwsCall, hints: Mapping[str, tuple[str, str]]) -> BwpError:
    problem = problem_of(error) or AwsProblem.FAULT
    if problem is AwsProblem.UNREACHABLE and (unknown := unknown_region_in(str(error))):
        return error_of(AwsProblem.REGION, call, code=type(error).__name__, detail=repr(unknown))
    code, status, region = type(error).__name__, 0, None
    if isinstance(response := getattr(error, "response", None), dict):
        code, status = code_and_message(error)[0], response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        region = region_named(error)
    plain_code = code.partition(":")[0]
    hint = next((hint for key, hint in hints.items() if key in (code, plain_code, problem)), None)
    found = error_of(problem, call, code=plain_code, detail=_detail(error), region=region, hint=hint)
    if type(found) is TransientRemoteError and status >= 500:
        return UnconfirmedError(str(found))
    return found


@contextmanager
def configuration_errors(call: AwsCall) -> Iterator[None]:
    """Convert any error of reading the AWS configuration, making a client or getting credentials; see `aws_errors`.

    Raises:
        SettingsError: The configuration is wrong, a profile is not logged in, or there are no credentials.
        RemoteError: The service that grants the credentials refused or failed.
    """
    try:
        yield
    except BwpError:
        raise
    except Exception as error:
        raise configuration_error(error, call) from error


def configuration_error(error: Exception, call: AwsCall) -> BwpError:
    """Return the error for an exception of reading the AWS configuration, making a client or getting credentials.

    botocore passes on whatever a parser or a helper program raises, so any exception is possible here.
    """
    if isinstance(getattr(error, "response", None), dict):
        operation = getattr(error, "operation_name", "a call")
        return _call_error(
            error,
            AwsCall(f"{operation} for the credentials", call.state, f"sts:{operation} on the role", call.retry),
            {},
        )
    problem = problem_of(error)
    if problem in (None, AwsProblem.UNREACHABLE) and _is_of_helper(error):
        problem = AwsProblem.HELPER
    if problem is None:
        problem = AwsProblem.CONFIGURATION
    described = AwsCall("the credentials", call.state, call.permission, call.retry, call.service)
    return error_of(problem, described, code=type(error).__name__, detail=_detail(error) or _cause(error))


def _cause(error: BaseException) -> str:
    """Return why the configuration can't be used, for an exception of which botocore knows nothing."""
    if any(module == "getpass" for module, _ in _frames(error)):
        return "it asks for an MFA code, and there is no terminal to type it"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} can't be read"
    return "a value is not valid"


def _detail(error: BaseException) -> str:
    """Return the part of the configuration that an exception is about.

    Only texts of botocore about names in the configuration are returned: others may quote a key or a token.
    """
    values = getattr(error, "kwargs", {})
    match problem_of(error):
        case AwsProblem.CONFIG_FILE:
            line = getattr(values.get("error"), "lineno", None)
            return f"{values.get('path')}" + (f", line {line}," if line else "")
        case AwsProblem.REGION:
            return repr(values.get("region_name"))
        case AwsProblem.PARTIAL_CREDENTIALS:
            return f"{values.get('cred_var')} is missing"
        case AwsProblem.CONFIGURATION | AwsProblem.SLOW:
            return str(error)
    return ""


def _is_of_credentials(error: BaseException) -> bool:
    """Return whether an exception was raised while credentials were fetched, be it in the middle of another call."""
    return any(module in _CREDENTIAL_MODULES for module, _ in _frames(error))


def _is_of_helper(error: BaseException) -> bool:
    """Return whether an exception was raised by a profile's `credential_process`."""
    return any(module in _CREDENTIAL_MODULES and "process" in name for module, name in _frames(error))


def _frames(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the module and the qualified name of each function that an exception passed through."""
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield traceback.tb_frame.f_globals.get("__name__", ""), code.co_qualname.lower()
        traceback = traceback.tb_next
