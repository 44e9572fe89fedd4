"""`python -m bwp_client …` and the installed `bwp` command."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading

_GARBAGE_THRESHOLD = 100_000
"""Objects made before cycles among them are looked for: importing makes several hundred thousand and frees none."""


def main() -> None:
    """Run the command line."""
    from bwp_client.cli.app import app

    app()


def run() -> None:
    """Run the command line as this process's only task, and end the process at once.

    Python would first take DuckDB and Arrow down piece by piece, a tenth of a second after everything is written.
    """
    gc.set_threshold(_GARBAGE_THRESHOLD)
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
        # Python's own way where there is more to do: a message to write, or a thread to wait for.
        if not isinstance(code, int) or any(not one.daemon for one in threading.enumerate()[1:]):
            raise
        atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself would call here
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    run()
