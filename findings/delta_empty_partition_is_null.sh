#!/usr/bin/env bash
# deltalake 1.6.6: an empty text in a partition column comes back as null.
# Seen: partition values 'a', '' and null are written; 'a', null and null are read. The Delta protocol writes both as ''.
# As a column that is no partition, the same values come back as they were.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

rows = pa.table({"product": ["a", "", None], "n": [1, 2, 3]})
write_deltalake("partitioned", rows, partition_by=["product"])
write_deltalake("plain", rows)
seen = {
    name: DeltaTable(name).to_pyarrow_table().sort_by("n").column("product").to_pylist()
    for name in ("partitioned", "plain")
}
print(seen)
assert seen == {"partitioned": ["a", None, None], "plain": ["a", "", None]}, seen
PY
cd "$folder"
venv/bin/python try.py
