"""Logins, from signing in to signing out or to the end of their lifetime.

The claims in a visitor's cookie hold the ID of the login and the time of signing in. A cookie can't be withdrawn, because
copies of it may exist; so the server stores the IDs of the logins that were ended.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final
from uuid import uuid4

log = logging.getLogger(__name__)
_LOGIN: Final = "bwp_login"
_SIGNED_IN_AT: Final = "bwp_signed_in_at"
_CLOCK_SECONDS: Final = 60
_REMOVED_AFTER_SECONDS: Final = 31 * 24 * 60 * 60
"""Longer than the longest lifetime of a login, which is 30 days."""

_ended_here: set[str] = set()


def new_login() -> dict[str, Any]:
    """Return the claims of a new login: its ID, and the time of signing in as seconds since 1970."""
    return {_LOGIN: f"{_folder().name}-{uuid4().hex}", _SIGNED_IN_AT: int(time.time())}


def is_current(claims: Mapping[str, Any], lifetime_hours: float) -> bool:
    """Return whether a login was made on this server, is younger than its lifetime, and was not ended.

    Args:
        claims: The claims in the visitor's cookie, whose signature was checked.
        lifetime_hours: The lifetime of a login.
    """
    server, name, signed_in_at = *_ids(claims), claims.get(_SIGNED_IN_AT)
    if not name or not isinstance(signed_in_at, int):
        return False
    age_seconds = time.time() - signed_in_at
    if not -_CLOCK_SECONDS <= age_seconds < lifetime_hours * 3600:
        return False
    folder = _folder()
    return server == folder.name and name not in _ended_here and not (folder / name).exists()


def end_login(claims: Mapping[str, Any]) -> None:
    """End a login, and with it every copy of its cookie."""
    _, name = _ids(claims)
    if not name:
        return
    _ended_here.add(name)
    folder = _folder()
    try:
        (folder / name).touch()
        for path in folder.iterdir():
            if time.time() - path.stat().st_mtime > _REMOVED_AFTER_SECONDS:
                path.unlink(missing_ok=True)
    except OSError as error:
        log.error("%s can't be written (%s): a login that was ended may count again after a restart.", folder, error)  # noqa: TRY400


def _ids(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Return the server and the name in the ID of a login; two empty texts without a valid ID."""
    login = claims.get(_LOGIN)
    server, _, name = login.partition("-") if isinstance(login, str) else ("", "", "")
    return (server, name) if server.isalnum() and name.isalnum() else ("", "")


def _folder() -> Path:
    """Return the folder with an empty file for each login that was ended.

    The folder's name is the ID of the server, made with the folder. Should the folder be lost, no earlier login is current.
    """
    parent = _parent(os.environ.get("XDG_STATE_HOME", ""))
    with suppress(FileNotFoundError):
        if folders := sorted(path for path in parent.iterdir() if path.is_dir()):
            return folders[0]
    folder = parent / uuid4().hex
    folder.mkdir(mode=0o700, parents=True)
    return folder


@lru_cache(maxsize=4)
def _parent(state_home: str) -> Path:
    """Return the parent of that folder, shared by all processes of this user; a temporary folder if it can't be written."""
    try:
        parent = (Path(state_home) if state_home else Path.home() / ".local" / "state") / "bwp" / "ended-logins"
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = parent / f".{uuid4().hex}"
        probe.touch()
        probe.unlink()
    except (OSError, RuntimeError) as error:  # no home folder, or a read-only file system
        log.warning(
            "Logins can't be stored in the user's folder (%s), so all end with this process.", type(error).__name__
        )
        return Path(mkdtemp(prefix="bwp-ended-logins-"))
    return parent
