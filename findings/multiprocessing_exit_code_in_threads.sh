#!/usr/bin/env bash
# CPython 3.11.7: a process of multiprocessing that ended with 7 has the exit code 255 where threads start others meanwhile.
# Seen with the start method "forkserver", six threads that each start and join processes: 74 of 400 codes were 255. Starting
# a process polls all others too, so that two threads read the same pipe: the first gets the code, the second the end of the
# pipe, which is taken for the death of the fork server and replaces the code. With one lock around start and exitcode, and
# the wait for the sentinel outside it, every code is right. It needs no package.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
import multiprocessing
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import wait
from threading import Lock

context, lock = multiprocessing.get_context("forkserver"), Lock()


def child():
    sys.exit(7)


def plain(_):
    process = context.Process(target=child)
    process.start()
    process.join()
    return process.exitcode


def one_reader(_):
    process = context.Process(target=child)
    with lock:
        process.start()
    wait([process.sentinel])
    with lock:
        return process.exitcode


if __name__ == "__main__":
    with ThreadPoolExecutor(6) as pool:
        seen, right = Counter(pool.map(plain, range(400))), Counter(pool.map(one_reader, range(400)))
    print(sys.version.split()[0], "as documented:", dict(seen), "with one reader:", dict(right))
    assert set(seen) == {7, 255}, "the behaviour changed"
    assert right == {7: 400}
PY
"${PYTHON:-python3}" "$folder/try.py"
