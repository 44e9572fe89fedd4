"""Files that are never read as events: settings, hidden files, devices, and what the system shows as files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

SYSTEM_FOLDERS = ("/proc", "/sys", "/dev", "/run/secrets")
_SETTINGS_FILES = (".env", ".streamlit/secrets.toml", "~/.streamlit/secrets.toml")
_SETTINGS_NAMES = ("secrets.toml", ".streamlit")
_SETTINGS_ENDING = ".env"


def why_refused(path: Path) -> str | None:
    """Say why a path that exists is never read, after its links are resolved; none when it may be.

    Raises:
        OSError: It can't be looked at.
    """
    real = Path(os.path.realpath(path))
    status = real.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return "is a device, a pipe or a socket"
    if any(real.is_relative_to(folder) for folder in SYSTEM_FOLDERS):
        return "lies where the system shows processes, devices or secrets"
    if any(name in _SETTINGS_NAMES or name.endswith(_SETTINGS_ENDING) for name in map(str.lower, real.parts)):
        return "is a settings file"
    if any(name.startswith(".") for name in _parts_that_count(real)):
        return "is hidden, or lies in a hidden folder"
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and _is_settings_file(status):
        return "is a settings file"
    return None


def _parts_that_count(real: Path) -> tuple[str, ...]:
    """Return the names in a path; of one below the working folder, those below it: that folder is where the user works."""
    here = Path(os.path.realpath("."))
    return real.relative_to(here).parts if real.is_relative_to(here) else real.parts


def _is_settings_file(status: os.stat_result) -> bool:
    """Tell whether a file with several names is one that settings are read from."""
    for name in _SETTINGS_FILES:
        try:
            if os.path.samestat(status, Path(name).expanduser().stat()):
                return True
        except (OSError, RuntimeError):  # not there, or no home
            continue
    return False
