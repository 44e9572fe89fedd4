#!/usr/bin/env bash
# deltalake 1.6.6: an overwrite of a whole table that meets a compaction leaves the old rows in the table.
# Seen: a handle is opened, another one compacts the three files to one, and then the first handle overwrites the table
# (no predicate) with one row. No conflict is raised; the table holds the new row and the three old ones, because the overwrite
# removes the files that its handle knew and not the compacted one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

for number in range(3):
    write_deltalake("t", pa.table({"n": [number]}), mode="append")
handle = DeltaTable("t")
DeltaTable("t").optimize.compact()
write_deltalake(handle, pa.table({"n": [9]}), mode="overwrite")
rows = sorted(DeltaTable("t").to_pyarrow_table().column("n").to_pylist())
print("rows after the overwrite:", rows)
assert rows == [0, 1, 2, 9]
PY
cd "$folder"
venv/bin/python try.py
