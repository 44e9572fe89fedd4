#!/usr/bin/env bash
# Plotly 7.1.0 with pandas 3.1.1: the same zoned times are drawn with their offset from a DatetimeIndex, and without it from a Series.
# Seen in the figure's JSON: '2026-10-25T00:00:00+02:00' from the index, '2026-10-25T00:00:00' (with more zeros where orjson is
# missing) from the Series: whoever reads the JSON gets two different moments. Convert to UTC first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check plotly==7.1.0 pandas==3.1.1
cat > "$folder/try.py" <<'PY'
import json

import pandas as pd
import plotly.graph_objects as go

index = pd.date_range("2026-10-25", periods=2, tz="Europe/Berlin")
seen = {
    name: json.loads(go.Figure(go.Scatter(x=values, y=[1, 2])).to_json())["data"][0]["x"]
    for name, values in {"index": index, "series": pd.Series(index), "list": list(index)}.items()
}
print(seen)
zoned = ["2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"]
assert seen["index"] == seen["list"] == zoned, seen
assert [text.removesuffix(".000000") for text in seen["series"]] == [text[:19] for text in zoned], seen
PY
cd "$folder"
venv/bin/python try.py
