#!/usr/bin/env bash
# duckdb 2.0.0: an exception that a signal handler raises during a query is replaced by RuntimeError("Query interrupted").
# Seen: the handler of SIGALRM raises an exception of its own while execute() runs; what arrives is a RuntimeError, and neither
# its cause nor its context holds the handler's exception. So `except KeyboardInterrupt` does not see a Ctrl-C in a query.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0
cat > "$folder/try.py" <<'PY'
import signal

import duckdb


class Stop(KeyboardInterrupt):
    pass


def stop(*_):
    raise Stop("asked to stop")


signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.5)
try:
    duckdb.connect().execute("SELECT count(*) FROM range(2000000) a, range(2000000) b WHERE (a.range * b.range) % 7 = 3").fetchall()
except BaseException as error:
    print(duckdb.__version__, type(error).__name__, error, "| cause:", error.__cause__, "| context:", error.__context__)
    assert type(error) is RuntimeError and "interrupted" in str(error).lower()
    assert error.__cause__ is None and error.__context__ is None
else:
    raise SystemExit("the query ended before the signal")
PY
cd "$folder"
venv/bin/python try.py
