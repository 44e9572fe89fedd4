"""Refuses local paths that are never read as events: settings files, hidden files, devices and system folders."""

from __future__ import annotations

import os
import stat
from pathlib import Path

SYSTEM_FOLDERS = ("/proc", "/sys", "/dev", "/run/secrets")
_SETTINGS_FILES = (".env", ".streamlit/secrets.toml", "~/.streamlit/secrets.toml")
_SETTINGS_NAMES = ("secrets.toml", ".streamlit")
_SETTINGS_ENDING = ".env"
_SYSTEM = "is in a system folder of processes, devices or secrets"


def why_refused(path: Path) -> str | None:
    """Return the reason why an existing path must not be read, or None if it may be read.

    The reason is a predicate for the caller's message, such as `is a settings file`. Symbolic links are followed.

    Raises:
        OSError: The path can't be inspected.
    """
    if _is_of_system(path.absolute()):
        return _SYSTEM  # also where the system has no path for what is there, as for a pipe at /dev/stdin
    real = Path(os.path.realpath(path))
    status = real.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return "is a device, a pipe or a socket"
    if _is_of_system(real):
        return _SYSTEM
    if any(name in _SETTINGS_NAMES or name.endswith(_SETTINGS_ENDING) for name in map(str.lower, real.parts)):
        return "is a settings file"
    if any(name.startswith(".") for name in _named_parts(real)):
        return "is hidden or in a hidden folder"
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and _is_settings_file(status):
        return "is a settings file"
    return None


def _is_of_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in SYSTEM_FOLDERS)


def is_stream(path: Path) -> bool:
    """Return whether a path is a pipe, a socket, a device, or a name of an open file such as /dev/stdin."""
    return path.absolute().is_relative_to("/dev") or not (path.is_file() or path.is_dir())


def _named_parts(real: Path) -> tuple[str, ...]:
    """Return the names of a path that must not be hidden: below the working folder only the names after it, else all."""
    here = Path(os.path.realpath("."))
    return real.relative_to(here).parts if real.is_relative_to(here) else real.parts


def _is_settings_file(status: os.stat_result) -> bool:
    """Return whether a file is another name (a hard link) of a file that settings are read from."""
    for name in _SETTINGS_FILES:
        try:
            if os.path.samestat(status, Path(name).expanduser().stat()):
                return True
        except (OSError, RuntimeError):  # the settings file does not exist, or the user has no home folder
            continue
    return False
