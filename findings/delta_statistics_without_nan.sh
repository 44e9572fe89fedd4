#!/usr/bin/env bash
# deltalake 1.6.6 with pyarrow 26.0.1: file statistics leave NaN out, and a filter on the dataset then returns rows that don't match it.
# Seen: the column holds 1.0 and NaN; the log says min = max = 1.0; the dataset with the filter x > 0 returns both rows, because
# pyarrow takes the statistics as a guarantee. The same filter on the table in memory returns one row.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import math

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

write_deltalake("t", pa.table({"x": [1.0, math.nan]}))
table = DeltaTable("t")
condition = pc.field("x") > 0
pruned = table.to_pyarrow_dataset().to_table(filter=condition).num_rows
exact = table.to_pyarrow_table().filter(condition).num_rows
print("x > 0 through the dataset:", pruned, "rows; on the rows themselves:", exact)
assert (pruned, exact) == (2, 1)
PY
cd "$folder"
venv/bin/python try.py
