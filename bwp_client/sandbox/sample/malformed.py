"""Malformed records, each of which breaks a valid event in a way that a loader may meet."""

import re
from collections.abc import Callable
from typing import Final

_ID: Final = re.compile(r'"id":"[^"]+"')
_TIME: Final = re.compile(r'"time":"[^"]+"')
_RESOURCES: Final = re.compile(r'"resources":\["([^"]+)"\]')
_DETAIL_TYPE: Final = re.compile(r'"detail-type":"([^"]+)"')


def _truncated(_thin: str, full: str) -> str:
    """End the record after the shopper's address, which an excerpt of the record would show."""
    return full[: full.index("@shopper.invalid") + len("@shopper.invalid")]


def _resources(text: str) -> Callable[[str, str], str]:
    return lambda thin, _full: _RESOURCES.sub(lambda found: f'"resources":{text}'.replace("PATH", found[1]), thin)


# The first eight are in every sample with malformed records.
_BREAKERS: Final[tuple[tuple[str, Callable[[str, str], str]], ...]] = (
    ("truncated", _truncated),
    ("trailing comma", _resources('["PATH",]')),
    ("no id", lambda thin, _full: _ID.sub('"version":"0"', thin).replace('"version":"0",', "", 1)),
    ("id is a number", lambda thin, _full: _ID.sub('"id":20240611', thin)),
    ("empty resources", _resources("[]")),
    ("odd resources", lambda thin, _full: re.sub(r'/[0-9a-f-]{36}"\]', '"]', thin)),
    ("time is no time", lambda thin, _full: _TIME.sub('"time":"yesterday at noon"', thin)),
    ("bare string", lambda thin, _full: '"' + _DETAIL_TYPE.findall(thin)[0] + '"'),
    ("no task in resources", lambda thin, _full: re.sub(r'/personalDataDeletionTask/[0-9a-f-]{36}"\]', '"]', thin)),
    ("resources is a string", _resources('"PATH"')),
    ("no time", lambda thin, _full: _TIME.sub('"at":"unknown"', thin)),
    ("not JSON", lambda _thin, _full: "<html><body>503 Service Unavailable</body></html>"),
    ("null", lambda _thin, _full: "null"),
    ("no detail-type", lambda thin, _full: _DETAIL_TYPE.sub('"type":"UNKNOWN"', thin)),
)


def break_record(number: int, thin: str, full: str) -> str:
    """Return a malformed form of a record.

    Args:
        number: The record's number among the malformed records, which chooses the form.
        thin: The valid record with an empty `detail`.
        full: The valid record with the enveloped `detail`.
    """
    return _BREAKERS[number % len(_BREAKERS)][1](thin, full)
