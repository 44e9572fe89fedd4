#!/usr/bin/env bash
# deltalake 1.6.6: an append with an application transaction that is already committed is appended again when it is given an address.
# Seen: two appends with Transaction('loader', 1) to the same address leave two rows; through a handle that was opened before
# the other commit, the second append is refused with CommitFailedError. The Delta protocol means txn for idempotent writes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cat > "$folder/try.py" <<'PY'
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

rows = pa.table({"id": [1]})


def append(table, version):
    properties = CommitProperties(app_transactions=[Transaction("loader", version)])
    write_deltalake(table, rows, mode="append", commit_properties=properties)


append("t", 1)
append("t", 1)
by_address = DeltaTable("t").to_pyarrow_table().num_rows
ours, theirs = DeltaTable("t"), DeltaTable("t")
append(theirs, 2)
try:
    append(ours, 2)
    by_old_handle = "committed"
except CommitFailedError as error:
    by_old_handle = type(error).__name__
print("by address:", by_address, "rows; by a handle opened before:", by_old_handle)
assert (by_address, by_old_handle) == (2, "CommitFailedError")
PY
cd "$folder"
venv/bin/python try.py
