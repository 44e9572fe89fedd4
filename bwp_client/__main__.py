"""`python -m bwp_client …` and the installed `bwp` command."""

from __future__ import annotations

import gc
import sys

_GARBAGE_THRESHOLD = 100_000
"""The number of new objects that starts a garbage collection. Imports create several hundred thousand and free none."""


def main() -> None:
    """Run the command line."""
    from bwp_client.cli.clean_stderr import clean_stderr, is_json_asked_for, run_with_json_lines
    from bwp_client.cli.streams import OutputError, prepare_streams

    prepare_streams()
    as_json = is_json_asked_for(sys.argv[1:])
    with clean_stderr(as_json=as_json):
        from bwp_client.cli.app import app

        try:
            if as_json:
                run_with_json_lines(lambda: app(standalone_mode=False))
            app()
        except OutputError as error:  # typer's own text, such as the help, could not be written
            from bwp_client.cli.console import print_error

            print_error(str(error), as_json=as_json)
            raise SystemExit(int(error.exit_code)) from None


def run() -> None:
    """Run the command line as this process's only task, and end the process."""
    from bwp_client.stop_signals import end_at_once_on_stop_signals

    end_at_once_on_stop_signals()
    gc.set_threshold(_GARBAGE_THRESHOLD)
    try:
        main()
    except (EOFError, ValueError, TypeError) as error:
        _remove_cut_bytecode(error)
        raise
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):  # else it is a message, which Python writes
            from bwp_client.workarounds import end_process, wait_for_threads

            wait_for_threads()
            end_process(end.code or 0)
        raise


def _remove_cut_bytecode(error: Exception) -> None:
    from bwp_client.workarounds import cut_bytecode

    if text := cut_bytecode(error):
        sys.stderr.write(f"{text}\n")
        raise SystemExit(4) from None


if __name__ == "__main__":
    run()
