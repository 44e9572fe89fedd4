"""What is known about each error code: its class and the next action, from one data file that users can extend."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

import pandas as pd

from bwp_client.errors import SettingsError
from bwp_client.settings import Settings


@dataclass(frozen=True, slots=True)
class Guidance:
    """What kind of problem a code is, and what to do about it."""

    code_class: str
    action: str


_told: ContextVar[dict[str, Guidance] | None] = ContextVar("told", default=None)


@contextmanager
def as_known_then(table: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Let a table of (class, action) by code stand in for the files: a report says what was known when it was made."""
    token = _told.set({code: Guidance(*entry) for code, entry in table.items()})
    try:
        yield
    finally:
        _told.reset(token)


def guidance() -> dict[str, Guidance]:
    """Give what is known, by code: the product's own file, and over it the one that the settings name.

    Raises:
        SettingsError: That file is not there or is not of this form.
    """
    if (told := _told.get()) is not None:
        return told
    ours = _own()
    path = Settings.load().error_codes_file
    if path is None:
        return ours
    try:
        return ours | _read(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"The error codes file {path} (BWP_ERROR_CODES_FILE) could not be read ({type(error).__name__}). Nothing was "
            "changed. It takes [[codes]] tables, each with code, class and action as texts."
        ) from error


def guidance_for(code: str) -> Guidance:
    """Give what is known about a code; an unknown one gets the general advice."""
    known = guidance()
    return known.get(code) or known["*"]


def _entries(text: str) -> dict[str, Guidance]:
    table = tomllib.loads(text)
    return {str(entry["code"]): Guidance(str(entry["class"]), str(entry["action"])) for entry in table["codes"]}


@cache
def _own() -> dict[str, Guidance]:
    return _entries(files("bwp_client.metrics").joinpath("error_codes.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=2)
def _read(path: Path, _changed_ns: int) -> dict[str, Guidance]:
    return _entries(path.read_text(encoding="utf-8"))


def with_guidance(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `class` and `action` to a frame with a column `code`."""
    table = guidance()
    known = [table.get(code) or table["*"] for code in frame["code"]]
    return frame.assign(**{"class": [item.code_class for item in known], "action": [item.action for item in known]})
