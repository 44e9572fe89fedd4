"""The loading pipeline: workers, staging, commit groups, archive loads, quarantine retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bwp_client.load.pipeline import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import on first use: the command line starts worker processes before the heavy imports."""
    if name not in __all__:
        raise AttributeError(f"module 'bwp_client.load.pipeline' has no attribute {name!r}")
    from bwp_client.load.pipeline import load

    return load
