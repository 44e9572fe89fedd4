"""Tries a permission of `doctor archive://NAME` with a call that can't change anything."""

from __future__ import annotations

from collections.abc import Callable

from bwp_client.aws import AwsProblem, problem_of
from bwp_client.doctor.findings import Finding


def permission_finding(
    action: str, resource: str, call: Callable[[], object], *, expected: tuple[str, ...] = ()
) -> Finding:
    """Make a call that changes nothing, and return whether AWS permits it.

    Args:
        action: The name of the permission, such as `sqs:DeleteMessage`.
        resource: The ARN or pattern that the permission must be granted on.
        call: Makes the call.
        expected: The error codes with which a permitted call ends when an argument is wrong on purpose.

    Raises:
        botocore.exceptions.BotoCoreError: AWS could not be reached, or there are no credentials.
    """
    from botocore.exceptions import ClientError

    permission = f"permission {action}"
    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in expected:
            return Finding(permission)
        if problem_of(error) in (AwsProblem.REFUSED, AwsProblem.KEY_REFUSED):
            return Finding(f"{permission} is missing", f"allow {action} on {resource} for the app's role")
        return Finding(f"{permission} could not be tried ({code})", "mend the lines above, then run doctor again")
    return Finding(permission)
