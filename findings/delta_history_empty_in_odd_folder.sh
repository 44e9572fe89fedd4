#!/usr/bin/env bash
# deltalake 1.6.6: DeltaTable.history() returns an empty list, without an error, for a table in a local folder whose name has
# a "#" or a "?"; version(), the rows and write_deltalake() work there as elsewhere.
# Seen with two commits in folders of four names: "plain" and "with space" give two entries each, "with#hash" and
# "with?mark" none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

entries = {}
for name in ("plain", "with space", "with#hash", "with?mark"):
    for number in range(2):
        write_deltalake(name, pa.table({"n": [number]}), mode="append")
    table = DeltaTable(name)
    assert table.version() == 1 and table.to_pyarrow_table().num_rows == 2
    entries[name] = len(table.history())
print("entries of the history:", entries)
assert entries == {"plain": 2, "with space": 2, "with#hash": 0, "with?mark": 0}
PY
cd "$folder"
venv/bin/python try.py
