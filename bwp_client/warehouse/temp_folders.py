"""Temporary folders. Their names hold the process ID of their owner, so that folders of killed processes can be removed.

A process ID means something only among the processes that see each other. Containers and machines that share a folder have
processes of the same IDs, so the names of temporary folders also hold a digest of where their owner runs.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_FOREIGN_SECONDS: Final = 24 * 3600.0
"""The age at which a folder of a process that can't be seen from here is abandoned: its owner would have changed it since."""


def owned(prefix: str) -> str:
    """Return the first part of the name of a temporary folder of this process, for `remove_abandoned_folders`."""
    return f"{prefix}{os.getpid()}-{_process_space()}-"


def remove_abandoned_folders(parent: Path, prefix: str) -> None:
    """Remove the folders named `<prefix><process ID>-…` whose process is not running any more."""
    for folder in parent.glob(f"{prefix}*"):
        owner, *rest = folder.name.removeprefix(prefix).split("-")
        if owner.isdecimal() and _is_abandoned(folder, int(owner), rest):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path, process_id: int, rest: list[str]) -> bool:
    if len(rest) < 2 or rest[0] == _process_space():  # older versions wrote the process ID alone
        return not is_process_running(process_id)
    with suppress(OSError):  # its owner has removed it
        return time.time() - folder.stat().st_mtime > _FOREIGN_SECONDS
    return False


def _process_space() -> str:
    """Return a short digest of this machine's name and, on Linux, of the namespace in which process IDs are unique."""
    namespace = ""
    with suppress(OSError):  # another system
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]


def this_machine() -> str:
    """Return a short digest of this machine's name: other machines that share a folder have processes of the same IDs."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def is_process_running(process_id: int) -> bool:
    """Return whether a process is running, as far as this user can see."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs as another user
        return True
    return True
