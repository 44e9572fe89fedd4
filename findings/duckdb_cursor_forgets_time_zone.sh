#!/usr/bin/env bash
# DuckDB 2.0.0: a cursor does not take over the TimeZone that was set on its connection; it has the zone of the machine.
# Seen: the connection says UTC, its cursor says America/New_York, and date_trunc('day') of one moment gives two days.
# Expected by a reader of the DB-API: one session, one set of settings. Set TimeZone on each cursor (or `set global`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.0 pytz==2026.6
cat > "$folder/try.py" <<'PY'
import duckdb

connection = duckdb.connect()
connection.execute("set TimeZone = 'UTC'")
cursor = connection.cursor()
zone = "select current_setting('TimeZone')"
day = "select strftime(date_trunc('day', timestamptz '2026-11-02 03:00:00+00'), '%Y-%m-%d')"
seen = {
    name: (session.execute(zone).fetchone()[0], session.execute(day).fetchone()[0])
    for name, session in {"connection": connection, "cursor": cursor}.items()
}
print(duckdb.__version__, seen)
assert seen == {"connection": ("UTC", "2026-11-02"), "cursor": ("America/New_York", "2026-11-01")}, seen
PY
cd "$folder"
TZ=America/New_York venv/bin/python try.py
