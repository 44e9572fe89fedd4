"""Temporary folders. Their names hold the process ID of their owner, so that folders of killed processes can be removed."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from pathlib import Path


def remove_abandoned_folders(parent: Path, prefix: str) -> None:
    """Remove the folders named `<prefix><process ID>-…` whose process is not running any more."""
    for folder in parent.glob(f"{prefix}*"):
        owner = folder.name.removeprefix(prefix).partition("-")[0]
        if owner.isdecimal() and not is_running(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def this_machine() -> str:
    """Return a short digest of this machine's name: other machines that share a folder have processes of the same IDs."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def is_running(process_id: int) -> bool:
    """Return whether a process is running, as far as this user can see."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs as another user
        return True
    return True
