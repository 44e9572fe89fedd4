"""The code that makes a report: its version, digests of its sources, and the versions of libraries that decide figures."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from bwp_client import __version__

LIBRARIES = (
    "deltalake", "duckdb", "jinja2", "markupsafe", "numpy", "pandas", "plotly", "pyarrow", "python-dateutil", "pytz",
    "scipy", "tzdata",
)  # fmt: skip
"""The libraries that read rows, compute or word figures, or write the files of a report."""
MODULES = "modules"
"""The field of the manifest's `code` with the digests of packages and modules; earlier versions wrote none."""
_HEX = 12


@cache
def current_code() -> dict[str, Any]:
    """Return the version of this code, digests of its sources, and the versions of the libraries used.

    `sources` is the digest of the whole package. `modules` has the digest of each package and module directly below it, so
    that a difference can be located. `libraries` includes the version of Python.
    """
    modules = {
        entry.name: _digest_of(entry)
        for entry in sorted(Path(str(files("bwp_client"))).iterdir())
        if entry.name != "__pycache__" and not entry.name.startswith(".")
    }
    whole = "".join(f"{digest}  {name}\n" for name, digest in modules.items())
    return {
        "version": __version__,
        "sources": f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}",
        MODULES: {name: digest[:_HEX] for name, digest in modules.items()},
        "libraries": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }


def code_differences(published: Mapping[str, Any]) -> list[str]:
    """Return a phrase for each difference between the code that made a report and this code; empty if there is none.

    Args:
        published: The field `code` of a manifest, as any version of this code wrote it.
    """
    current = current_code()
    if published == current:
        return []
    found = []
    if published.get("version") != current["version"]:
        found.append(f"version {published.get('version')}, here {current['version']}")
    modules, libraries = published.get(MODULES), published.get("libraries")
    if not isinstance(modules, Mapping):
        found.append("an older form of digest, which does not cover the whole package")
    elif changed := _changed(modules, current[MODULES]):
        found.append(f"other sources in {', '.join(changed)}")
    if isinstance(libraries, Mapping):
        found += [
            f"{name} {libraries.get(name, 'not recorded')}, here {current['libraries'].get(name, 'not used')}"
            for name in _changed(libraries, current["libraries"])
            if name in libraries or isinstance(modules, Mapping)
        ]
    return found or ["another digest of the sources"]


def _changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return sorted(str(name) for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def _digest_of(entry: Path) -> str:
    """Return the SHA-256 of a file, or of all files below a folder with their paths."""
    digest = hashlib.sha256()
    for path in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(entry.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
