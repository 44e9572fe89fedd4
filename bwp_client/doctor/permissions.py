"""One line of what the doctor says, and the ways to come to it."""

from __future__ import annotations

from collections.abc import Callable

from bwp_client.aws import AwsProblem, problem_of
from bwp_client.doctor.findings import Check


def check(what: str, problem: tuple[str, str] | None) -> Check:
    """Give the line of a check that found a problem and its fix, or none."""
    return Check(what) if problem is None else Check(*problem)


def permission_line(action: str, resource: str, call: Callable[[], object], *, expected: tuple[str, ...] = ()) -> Check:
    """Try a call that changes nothing, and tell whether AWS lets us make it.

    Args:
        action: What the permission is called, such as `sqs:DeleteMessage`.
        resource: The ARN or pattern it must be granted on.
        call: Makes the call.
        expected: The error codes that a permitted call ends with, where it is made with a wrong argument on purpose.

    Raises:
        botocore.exceptions.BotoCoreError: AWS could not be reached, or there are no credentials.
    """
    from botocore.exceptions import ClientError

    what = f"permission {action}"
    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in expected:
            return Check(what)
        if problem_of(error) in (AwsProblem.REFUSED, AwsProblem.KEY_REFUSED):
            return Check(f"{what} is missing", f"allow {action} on {resource} for the app's role")
        return Check(f"{what} could not be tried ({code})", "mend the lines above, then run doctor again")
    return Check(what)
