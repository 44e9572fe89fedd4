#!/usr/bin/env bash
# deltalake 1.6.6: a write whose handle is older than a compaction is committed without a conflict, and rows are then wrong.
# Seen, each on three files of one row: two handles of one version both run optimize.compact(), both commits remove the same
# three files, and the table has six rows. A handle overwrites the whole table after another one compacted it, and the table
# holds the new row and the three old ones. The Delta protocol says that a commit conflicts when another one since its
# version has removed a file that it removes too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake


def three_files(name: str) -> DeltaTable:
    for number in range(3):
        write_deltalake(name, pa.table({"n": [number]}), mode="append")
    return DeltaTable(name)


def rows(name: str) -> list[int]:
    return sorted(DeltaTable(name).to_pyarrow_table().column("n").to_pylist())


first, second = three_files("twice"), DeltaTable("twice")
removed = [handle.optimize.compact()["numFilesRemoved"] for handle in (first, second)]
older = three_files("overwritten")
DeltaTable("overwritten").optimize.compact()
write_deltalake(older, pa.table({"n": [9]}), mode="overwrite")
print("files removed by each:", removed, "| rows:", rows("twice"), "| after the overwrite:", rows("overwritten"))
assert removed == [3, 3] and rows("twice") == [0, 0, 1, 1, 2, 2] and rows("overwritten") == [0, 1, 2, 9]
PY
cd "$folder"
venv/bin/python try.py
