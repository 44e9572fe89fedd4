#!/usr/bin/env bash
# Plotly Express 7.1.0 with pandas 3.1.1: rows whose colour column is null are left out of the chart without a word.
# Seen: three rows go in, two bars come out; the sum of the bars is 4 of 6. Without `color` all three are drawn. Fill nulls with a
# label of their own before drawing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check plotly==7.1.0 pandas==3.1.1
cat > "$folder/try.py" <<'PY'
import pandas as pd
import plotly.express as px

frame = pd.DataFrame({"day": ["Mon", "Tue", "Wed"], "code": ["x", None, "y"], "n": [1, 2, 3]})
coloured = px.bar(frame, x="day", y="n", color="code")
plain = px.bar(frame, x="day", y="n")
seen = {name: int(sum(sum(trace.y) for trace in figure.data)) for name, figure in {"color": coloured, "plain": plain}.items()}
print("rows", len(frame), "sum", int(frame["n"].sum()), "drawn", seen)
assert seen == {"color": 4, "plain": 6}, seen
PY
cd "$folder"
venv/bin/python try.py
