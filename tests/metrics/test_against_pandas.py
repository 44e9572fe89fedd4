"""`metric failure_rate` equals a computation in pandas over the raw files, which shares nothing with the product."""

from pathlib import Path

import pandas as pd
import pytest
from support.events import PRIVACY, is_proper, key_of, raw_values, task_of, time_of
from support.tables import command_json

from bwp_client.events import TaskKind
from bwp_client.metrics import Bucket, run_metric
from bwp_client.metrics.export import to_rows
from bwp_client.metrics.filters import filters_between
from bwp_client.warehouse import Warehouse
from bwp_client.warehouse.snapshot import Snapshot

MIN_N = 20


@pytest.fixture(scope="module")
def raw(sample_folder: Path) -> pd.DataFrame:
    """Return one row per distinct event of the raw files."""
    events = [
        event
        for path in sorted(sample_folder.glob("events-*"))
        for event in raw_values(path)
        if is_proper(event) and event["detail-type"] in PRIVACY
    ]
    frame = pd.DataFrame(
        {
            "key": ["|".join(key_of(event)) for event in events],
            "task": [task_of(event) for event in events],
            "kind": [event["detail-type"].split("_")[2] for event in events],
            "failed": [event["detail-type"].endswith("FAILED") for event in events],
            "product": [event["resources"][0].split("/")[1] for event in events],
            "region": [event["region"] for event in events],
            "time": pd.to_datetime([time_of(event) for event in events], utc=True),
        }
    )
    return frame.drop_duplicates("key")


@pytest.fixture(scope="module")
def home(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    counts = command_json("load", sample_folder, "--json", cwd=folder, allowed=(1,))
    assert counts["stored"] > 4000
    return folder


def expected(raw: pd.DataFrame, kind: str, by: str, from_: str, to: str, product: str | None) -> pd.DataFrame:
    """Rate as the definition says: a task's latest outcome, FAILED on a tie; products with no COMPLETED left out."""
    events = raw[raw["kind"] == kind]
    rated = events.loc[~events["failed"], "product"].unique()
    ended = events.sort_values(["time", "failed"]).groupby("task").tail(1)
    ended = ended[ended["product"].isin(rated)]
    start, end = pd.Timestamp(from_, tz="UTC"), pd.Timestamp(to, tz="UTC") + pd.Timedelta(days=1)
    ended = ended[(ended["time"] >= start) & (ended["time"] < end)]
    if product:
        ended = ended[ended["product"] == product]
    days = ended["time"].dt.floor("D")
    periods = days if by == "day" else days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    counts = ended.groupby(periods)["failed"].agg(["sum", "count"])
    return pd.DataFrame(
        {
            "failed": counts["sum"].astype(int),
            "completed": counts["count"] - counts["sum"],
            "n": counts["count"],
            "rate": (counts["sum"] / counts["count"]).where(counts["count"] >= MIN_N),
        }
    )


@pytest.mark.parametrize("by", ["day", "week"])
def test_the_command_line_equals_pandas(raw: pd.DataFrame, home: Path, by: str) -> None:
    from_, to = str(raw["time"].min().date()), str(raw["time"].max().date())
    rows = command_json(
        "metric", "failure_rate", "--from", from_, "--to", to, "--by", by, "--format", "json", cwd=home
    )  # fmt: skip
    _compare(rows, expected(raw, "DELETION", by, from_, to, None))


@pytest.mark.parametrize("by", ["day", "week"])
@pytest.mark.parametrize("kind", ["DELETION", "RETRIEVAL"])
@pytest.mark.parametrize("product", [None, 0, 1])
def test_failure_rate_equals_pandas(raw: pd.DataFrame, home: Path, by: str, kind: str, product: int | None) -> None:
    name = None if product is None else raw["product"].value_counts().index[product]
    last = raw["time"].max().normalize()
    from_, to = str((last - pd.Timedelta(days=300)).date()), str((last - pd.Timedelta(days=3)).date())
    filters = filters_between(
        from_, to, data_end=last, task_kind=TaskKind(kind), business_products=None if name is None else (name,)
    )
    frame = run_metric(Snapshot.newest(Warehouse(str(home / "warehouse"))), "failure_rate", filters, bucket=Bucket(by))
    _compare(to_rows(frame), expected(raw, kind, by, from_, to, name))


def _compare(rows: list, wanted: pd.DataFrame) -> None:
    found = pd.DataFrame(rows)
    found.index = pd.to_datetime(found["period_start"], utc=True)
    assert len(found) == len(wanted) > 10
    assert list(found.index) == list(wanted.index)
    for name in ("failed", "completed", "n"):
        assert found[name].tolist() == wanted[name].tolist()
    rates = found["rate"].astype(float)
    assert rates.isna().tolist() == wanted["rate"].isna().tolist()
    assert (rates - wanted["rate"]).abs().fillna(0).max() < 1e-12
