"""Finds variables of the environment and of `.env` that are probably misspelt settings."""

import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches

from pydantic import BaseModel

from bwp_client.settings import GROUPS, Settings, variables

_SIMILARITY = 0.75
"""The least similarity, by `difflib`, of a misspelt variable to the setting that was meant."""


def misspelt_settings() -> list[str]:
    """Return a sentence for each variable of the environment or of `.env` that is no setting but resembles one.

    Other variables that begin with `BWP_` may belong to another program and are not named.
    """
    known = set(_names(Settings))
    exact = known | {f"BWP_{group.upper()}" for group in GROUPS}
    sentences = []
    with suppress(ValueError, OSError):  # .env can't be read, which `Settings.load` says
        for name in sorted({name for name, _ in variables() if re.fullmatch(r"BWP_\w+", name, re.ASCII)} - exact):
            if any(name.startswith(f"{setting}__") for setting in known):
                continue  # a key of a table, such as a business product of the credentials
            tails = [setting.removeprefix("BWP_") for setting in sorted(known)]
            if similar := get_close_matches(name.removeprefix("BWP_"), tails, n=1, cutoff=_SIMILARITY):
                sentences.append(f"{name} is not a setting; did you mean BWP_{similar[0]}?")
    return sentences


def _names(model: type[BaseModel], prefix: str = "BWP_") -> Iterator[str]:
    """Yield the variable of each setting."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"
