#!/usr/bin/env bash
# pandas 3.1.1 with pyarrow 26.0.1: a search for a literal text of a million letters fails where case is ignored, and works
# where it counts. Series.str.contains(text, case=False, regex=False) raises ArrowInvalid "Invalid regular expression: pattern
# too large", although no regular expression was asked for: Arrow ignores case by one. Cut the text before the search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import pandas as pd
import pyarrow as pa

tasks = pd.Series(["ORDERS_NOT_CLOSED", "LEGAL_HOLD_ACTIVE"], dtype="str")
seen = {}
for is_exact in (True, False):
    for length in (1_000, 100_000, 1_000_000):
        try:
            seen[is_exact, length] = tasks.str.contains("x" * length, case=is_exact, regex=False).tolist()
        except pa.ArrowInvalid as error:
            seen[is_exact, length] = str(error)
print(seen)
failed = seen.pop((False, 1_000_000))
assert "Invalid regular expression: pattern too large" in failed, failed
assert all(found == [False, False] for found in seen.values()), seen
PY
cd "$folder"
venv/bin/python try.py
