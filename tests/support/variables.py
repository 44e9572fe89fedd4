"""Writes a setting where a user would."""

from pathlib import Path

import pytest


def set_variable(monkeypatch: pytest.MonkeyPatch, place: str, name: str, value: str) -> None:
    """Set a variable in the environment, or in the `.env` of the current folder."""
    if place == ".env":
        Path(".env").write_text(f"{name}='{value}'\n")
    else:
        monkeypatch.setenv(name, value)
