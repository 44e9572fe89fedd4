"""Guidance on each error code: its class and the next action, from the product's own file and a file that users can add."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Self

from bwp_client.errors import SettingsError

_ANY_OTHER_CODE = "*"
_MAX_BYTES = 1_000_000
"""The size of the largest file of error codes."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """The class of problem that an error code stands for, and the next action."""

    code_class: str
    action: str


@dataclass(frozen=True, slots=True, eq=False)
class GuidanceTable:
    """Guidance by error code. A table equals only itself, so that it can be part of a cache key."""

    by_code: Mapping[str, Guidance]

    @classmethod
    def of(cls, entries: Mapping[str, Sequence[str]]) -> Self:
        """Return the table of (class, action) by code, as the manifest of a report holds it."""
        return cls(MappingProxyType({code: Guidance(*entry) for code, entry in entries.items()}))

    def for_code(self, code: str) -> Guidance:
        """Return the guidance on a code; an unknown code gets the general advice."""
        return self.by_code.get(code) or self.by_code[_ANY_OTHER_CODE]


@cache
def built_in_guidance() -> GuidanceTable:
    """Return the table of the product's own file."""
    text = files("bwp_client.metrics").joinpath("error_codes.toml").read_text(encoding="utf-8")
    return GuidanceTable(MappingProxyType(_entries(text)))


def read_guidance(path: Path | None) -> GuidanceTable:
    """Return the product's own table with the entries of a user's file added; these replace entries of the same code.

    The same object is returned until the file changes.

    Args:
        path: The setting `BWP_ERROR_CODES_FILE`; None for the product's own table alone.

    Raises:
        SettingsError: The file is missing or not of the expected form.
    """
    if path is None:
        return built_in_guidance()
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"The error codes file {path} (BWP_ERROR_CODES_FILE) could not be read ({type(error).__name__}). Nothing was "
            "changed. It takes [[codes]] tables, each with code, class and action as texts."
        ) from error


@lru_cache(maxsize=2)
def _read(path: Path, _changed_ns: int) -> GuidanceTable:
    with path.open("rb") as stream:
        data = stream.read(_MAX_BYTES + 1)  # a pipe or a device has no size, and may never end
    if len(data) > _MAX_BYTES:
        raise OSError(f"larger than {_MAX_BYTES:,} bytes")
    entries = _entries(data.decode())
    return GuidanceTable(MappingProxyType({**built_in_guidance().by_code, **entries}))


def _entries(text: str) -> dict[str, Guidance]:
    table = tomllib.loads(text)
    return {str(entry["code"]): Guidance(str(entry["class"]), str(entry["action"])) for entry in table["codes"]}
