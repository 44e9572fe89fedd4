"""Ctrl-C in a terminal reaches every process of a load, and only the first one of them acts on it."""

import subprocess
import sys
from pathlib import Path

from support.tables import clean_env

SCRIPT = """
import signal
from bwp_client.load import workers

workers.start_worker_server("interrupted_import")
worker = workers._CONTEXT.Process(target=signal.raise_signal, args=(signal.SIGINT,))
worker.start()
worker.join()
print(worker.exitcode)
signal.raise_signal(signal.SIGINT)
"""


def test_ctrl_c_ends_no_worker_with_a_traceback_and_still_interrupts_the_load(tmp_path: Path) -> None:
    (tmp_path / "interrupted_import.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=clean_env(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "0\n"
    assert done.stderr.count("KeyboardInterrupt") == 1, done.stderr
