#!/usr/bin/env bash
# deltalake 1.6.6: two compactions that both began at the same version both commit, and every row is then there twice.
# Seen: three files of one row; two handles opened at version 2; both run optimize.compact(); no conflict is raised, each
# commit removes the same three files and adds a file of its own, and the table has six rows. The Delta protocol says that
# a commit conflicts when another one since its version has removed a file that it removes too.
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
first, second = DeltaTable("t"), DeltaTable("t")
removed = [handle.optimize.compact()["numFilesRemoved"] for handle in (first, second)]
table = DeltaTable("t")
rows = table.to_pyarrow_table().column("n").to_pylist()
print("files removed by each:", removed, "| version:", table.version(), "| rows:", sorted(rows))
assert removed == [3, 3] and table.version() == 4 and sorted(rows) == [0, 0, 1, 1, 2, 2]
PY
cd "$folder"
venv/bin/python try.py
