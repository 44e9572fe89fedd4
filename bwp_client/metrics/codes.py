"""What is known about each error code: its class and the next action, from one data file that users can extend."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd


@dataclass(frozen=True, slots=True)
class Guidance:
    """What kind of problem a code is, and what to do about it."""

    code_class: str
    action: str


@cache
def guidance() -> dict[str, Guidance]:
    """Give what is known, by code."""
    table = tomllib.loads(files("bwp_client.metrics").joinpath("error_codes.toml").read_text(encoding="utf-8"))
    return {entry["code"]: Guidance(entry["class"], entry["action"]) for entry in table["codes"]}


def guidance_for(code: str) -> Guidance:
    """Give what is known about a code; an unknown one gets the general advice."""
    known = guidance()
    return known.get(code) or known["*"]


def with_guidance(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `class` and `action` to a frame with a column `code`."""
    known = [guidance_for(code) for code in frame["code"]]
    return frame.assign(**{"class": [item.code_class for item in known], "action": [item.action for item in known]})
