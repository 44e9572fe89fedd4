#!/usr/bin/env bash
# CPython 3.11.7: starting multiprocessing's resource tracker unblocks SIGINT and SIGTERM for a caller who had blocked them.
# Seen: the mask {SIGINT, SIGTERM} before resource_tracker.ensure_running(), and an empty mask after it; a second call, with
# the tracker running, leaves the mask. Whoever blocks signals around the start of a fork server must start the tracker first.
# It needs no package.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/try.py" <<'PY'
import sys
from multiprocessing import resource_tracker
from signal import SIG_BLOCK, SIGINT, SIGTERM, pthread_sigmask

BOTH = {SIGINT, SIGTERM}


def mask_after_start():
    pthread_sigmask(SIG_BLOCK, BOTH)
    resource_tracker.ensure_running()
    return pthread_sigmask(SIG_BLOCK, []) & BOTH


first, second = mask_after_start(), mask_after_start()
print(sys.version.split()[0], "first start:", first, "already running:", second)
assert first == set(), "the behaviour changed"
assert second == BOTH
PY
"${PYTHON:-python3}" "$folder/try.py"
