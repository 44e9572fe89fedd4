"""Translates the errors of the storage layer (Delta Lake, its S3 client, the file system) into ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from bwp_client.addresses import folder_address
from bwp_client.aws import (
    AwsCall,
    AwsProblem,
    bucket_region,
    error_of,
    problem_in,
    split_s3,
    unknown_region_in,
)
from bwp_client.errors import BwpError, SourceNotFoundError, WarehouseError
from bwp_client.warehouse.system_errors import system_reason

_STATE = "What was committed before stays, and nothing else."
_PERMISSION = (
    "s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject there, and kms:Decrypt and kms:GenerateDataKey where the "
    "bucket has a key"
)

_SHOWN_CHARACTERS: Final = 100
"""Shown from the begin and from the end of a long error."""
_DECORATION: Final = re.compile(r"(?:\x1b\[[0-9;]*[A-Za-z]|↳|\s)+")
"""Colours, arrows and line breaks by which Delta Lake shows an error with its causes."""

# Delta Lake reports a missing version or file as text only, in these words.
_MISSING = ("invalid table version", "not found", "no files in log segment", "specified end version", "no files found")


@contextmanager
def storage_errors(address: str, version: int | None = None) -> Iterator[None]:
    """Raise our errors in place of the storage layer's, each with the state of the data and the next step.

    A `CommitFailedError` passes through: it is a conflict between writers, and the caller retries.

    Args:
        address: The table or warehouse that the block works on, for messages.
        version: The version that the block opens, where it opens an older one.

    Raises:
        SourceNotFoundError: The table, the bucket or that version does not exist (any more).
        TerminalRemoteError: S3 refused.
        TransientRemoteError: S3 failed.
        WarehouseError: The local folder can't be read or written.
    """
    try:
        yield
    except (BwpError, CommitFailedError):
        raise
    except Exception as error:
        if version is not None and _is_missing(error):
            raise SourceNotFoundError(
                f"{address}: version {version} is not there any more, since old data was purged or cleaned up. "
                "Take a newer run: start the command again, or load the page anew."
            ) from error
        if not isinstance(error, DeltaError | OSError):
            raise
        raise _translated(error, address) from error


def _translated(error: DeltaError | OSError, address: str) -> BwpError:
    is_on_s3 = address.startswith("s3://")
    if not is_on_s3 and (reason := system_reason(error)) and not _is_missing(error):
        return WarehouseError(
            f"The warehouse at {address} can't be used: {reason.text}. {_STATE} {reason.fix}, then start the "
            "command again."
        )
    folder_address(address, "a table")  # a file in place of the folder is another matter than a table that is missing
    if isinstance(error, TableNotFoundError):
        return SourceNotFoundError(f"{address} is not there. Load events first: python -m bwp_client load SOURCE.")
    if is_on_s3:
        return _translated_from_s3(error, address)
    if _is_missing(error):
        return SourceNotFoundError(f"{address}: that version is not there any more.")
    return WarehouseError(
        f"The warehouse at {address} can't be used ({type(error).__name__}: {_shortened(str(error))}). {_STATE} "
        "Check free space and permissions, then start the command again."
    )


def _shortened(text: str) -> str:
    """Return the begin and the end of an error's text, which may name the cause at its end, in one line."""
    text = _DECORATION.sub(" ", text).strip()
    if len(text) <= 2 * _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS].rstrip()} … {text[-_SHOWN_CHARACTERS:].lstrip()}"


def _translated_from_s3(error: DeltaError | OSError, address: str) -> BwpError:
    text = str(error)
    problem, code = problem_in(text)
    if problem in (None, AwsProblem.NO_OBJECT) and _is_missing(error):
        return SourceNotFoundError(f"{address}: the table, or that version of it, does not exist.")
    call = AwsCall(address, _STATE, _PERMISSION, "Start the command again.", "S3")
    if problem is AwsProblem.UNREACHABLE and (unknown := unknown_region_in(text)):
        return error_of(AwsProblem.REGION, call, code="", detail=repr(unknown))
    if problem is None:
        return error_of(AwsProblem.FAULT, call, code=type(error).__name__)
    region = bucket_region(split_s3(address)[0]) if problem is AwsProblem.OTHER_REGION else None
    return error_of(problem, call, code=code, region=region)


def _is_missing(error: BaseException) -> bool:
    """Return whether a version, a file of the log or a data file is missing."""
    text = str(error).lower()
    return isinstance(error, TableNotFoundError) or any(words in text for words in _MISSING)
