#!/usr/bin/env bash
# deltalake 1.6.6: a vacuum is two commits, so cleaning files moves the table's version, also when a dry run would not.
# Seen: VACUUM START and VACUUM END in the history, version + 2; the file that was deleted by the first vacuum is
# reported as deleted by the second one too, from a new handle, with two more commits. Who pins versions must pin the new one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

rows = pa.table({"id": [1]})
write_deltalake("t", rows)
write_deltalake("t", rows, mode="overwrite")
seen = []
for dry in (True, False, False):
    before = DeltaTable("t").version()
    files = DeltaTable("t").vacuum(retention_hours=0, dry_run=dry, enforce_retention_duration=False)
    seen.append((len(files), DeltaTable("t").version() - before))
print("files reported, versions added (dry, first, second):", seen)
print([entry["operation"] for entry in DeltaTable("t").history()])
assert seen == [(1, 0), (1, 2), (1, 2)], seen
PY
cd "$folder"
venv/bin/python try.py
