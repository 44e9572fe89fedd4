"""Refuses local paths that are never read as events: settings files, hidden files, devices and system folders."""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache
from pathlib import Path

SYSTEM_FOLDERS = ("/proc", "/sys", "/dev", "/run/secrets")
_SETTINGS_FILES = (".env", ".streamlit/secrets.toml", "~/.streamlit/secrets.toml")
_SETTINGS_NAMES = ("secrets.toml", ".streamlit")
_SETTINGS_ENDING = ".env"
_OF_COPIES = re.compile(r"(?:~|\.(?:bak|backup|old|orig|save|copy|tmp|sw[a-p]|\d[\d-]*|gz|bz2|xz|zst|zip))+$")
"""Endings of copies that editors and people make of a file, packed ones too."""
_CONFIG = ".streamlit/config.toml"
"""A file, in the home and in the working folder, where Streamlit's setting `secrets.files` may name other secrets."""
SECRETS_VARIABLE = "STREAMLIT_SECRETS_FILES"
"""The environment variable of that setting. Streamlit splits it at spaces; the app hands its files to jobs with colons."""
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
    if any(_names_settings(name) for name in map(str.lower, real.parts)):
        return "is a settings file"
    secrets = _configured_secrets(Path.cwd(), _home(), os.environ.get(SECRETS_VARIABLE, ""))
    if any(real.is_relative_to(secret) for secret in secrets):
        return "is a settings file"
    if any(name.startswith(".") for name in _named_parts(real)):
        return "is hidden or in a hidden folder"
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and _is_settings_file(status, secrets):
        return "is a settings file"
    return None


def _names_settings(name: str) -> bool:
    """Return whether a name in small letters is that of a settings file or its folder, or of a copy of one."""
    if not any(part in name for part in (*_SETTINGS_NAMES, _SETTINGS_ENDING)):
        return False  # almost every name, and a folder may hold many
    original = _OF_COPIES.sub("", name)
    return original in _SETTINGS_NAMES or original.endswith(_SETTINGS_ENDING)


def _is_of_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in SYSTEM_FOLDERS)


def is_stream(path: Path) -> bool:
    """Return whether a path is a pipe, a socket, a device, or a name of an open file such as /dev/stdin."""
    return path.absolute().is_relative_to("/dev") or not (path.is_file() or path.is_dir())


def _named_parts(real: Path) -> tuple[str, ...]:
    """Return the names of a path that must not be hidden: below the working folder only the names after it, else all."""
    here = Path(os.path.realpath("."))
    return real.relative_to(here).parts if real.is_relative_to(here) else real.parts


@lru_cache(maxsize=4)
def _configured_secrets(here: Path, home: Path | None, variable: str) -> tuple[Path, ...]:
    """Return the real paths of the files and folders in Streamlit's setting `secrets.files`."""
    import tomllib

    named = [*variable.split(), *variable.split(os.pathsep)]
    for folder in filter(None, (home, here)):
        try:
            files = tomllib.loads((folder / _CONFIG).read_text(encoding="utf-8"))["secrets"]["files"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # there is no such file or setting, or Streamlit can't read it either
        named += [name for name in files if isinstance(name, str)] if isinstance(files, list) else [str(files)]
    return tuple(Path(os.path.realpath(here / name)) for name in named if name)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _is_settings_file(status: os.stat_result, configured: tuple[Path, ...]) -> bool:
    """Return whether a file is another name (a hard link) of a file that settings are read from."""
    for name in (*_SETTINGS_FILES, *map(str, configured)):
        try:
            if os.path.samestat(status, Path(name).expanduser().stat()):
                return True
        except (OSError, RuntimeError):  # the settings file does not exist, or the user has no home folder
            continue
    return False
