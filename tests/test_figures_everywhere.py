"""Pages, notebooks, command line, reports and dossiers give the figures of an independent computation."""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import nbformat
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from support.histories import History, make_up, store
from support.oracle import Oracle, difference
from support.pages import numbers_of_states
from support.reports import report_json, run_json

from bwp_client import Snapshot
from bwp_client.deadlines import DeadlineCalendar
from bwp_client.metrics.guidance import built_in_guidance
from bwp_client.tasks.dossier import build_dossier
from bwp_client.tasks.history import read_task_history
from bwp_client.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
MAIN = ROOT / "bwp_client" / "ui" / "main.py"
pytestmark = [pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

HISTORIES = {
    # The clocks go forward on 8 March in New York and on 29 March in Europe.
    "late, repeated and conflicting events, two laws": lambda: make_up(
        History(date(2026, 2, 20), 66, "America/New_York", {"bp-a": "GDPR", "*": "CCPA"}), seed=1
    ),
    # The clocks go back on 26 October in Europe; the period before begins with the purge.
    "a purge": lambda: make_up(
        History(date(2025, 9, 1), 80, "Europe/Berlin", "GDPR", purged_before=date(2025, 9, 25)), seed=2
    ),
    "a lasting rise, a zone half an hour off": lambda: make_up(
        History(date(2025, 7, 7), 90, "Asia/Kolkata", "CCPA", rises_on=56), seed=3
    ),
}


@dataclass
class Home:
    """A stored history, and the figures that an independent computation gives for its last four weeks."""

    history: History
    folder: Path
    oracle: Oracle
    first: date
    last: date

    @property
    def before(self) -> tuple[date, date]:
        return self.first - timedelta(days=28), self.first - timedelta(days=1)

    @property
    def data(self) -> tuple[date, date]:
        return self.history.purged_before or self.history.first_day, self.last

    @property
    def today(self) -> date:
        return datetime.now(UTC).astimezone(ZoneInfo(self.history.zone)).date()

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot.newest(Warehouse(str(self.folder / "warehouse")))

    def metric(self, name: str, *options: str, days: tuple[date, date] | None = None) -> list[dict[str, Any]]:
        """Return the rows of a metric as the command line prints them."""
        first, last = days or (self.first, self.last)
        period = ("--from", first.isoformat(), "--to", last.isoformat())
        rows: list[dict[str, Any]] = run_json(
            self.folder, "metric", name, *period, *options, "--json", **self.history.settings
        )
        return rows


@pytest.fixture(scope="module", params=HISTORIES.values(), ids=HISTORIES.keys())
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Home:
    history: History = request.param()
    folder = tmp_path_factory.mktemp("home")
    store(history, folder)
    last = history.last_day
    return Home(history, folder, Oracle(history), last - timedelta(days=27), last)


@pytest.fixture(scope="module")
def report(home: Home) -> Callable[[str], pd.DataFrame]:
    """Return a function that reads a table of a report of the last four weeks."""
    made = report_json(
        home.folder, period=f"{home.first}..{home.last}", BWP_REPORT__MIN_LOOKUP_COVERAGE="0", **home.history.settings
    )
    assert made["state"] == "published", made
    tables = home.folder / "reports" / made["key"] / "tables"
    return lambda name: pd.read_parquet(tables / f"{name}.parquet")


@pytest.fixture
def page(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return a function that opens a page over the last four weeks."""
    monkeypatch.chdir(home.folder)
    for name, value in {**home.history.settings, "BWP_WAREHOUSE": str(home.folder / "warehouse")}.items():
        monkeypatch.setenv(name, value)

    def opened(name: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(MAIN), default_timeout=300)
        period = {"from": home.first.isoformat(), "to": home.last.isoformat()}
        for key, value in (period | query).items():
            app.query_params[key] = value
        app.run()
        if name != "overview":
            app.switch_page(f"../../pages/{name}.py").run()
        assert not app.exception
        return app

    return opened


def table(app: AppTest, *columns: str) -> pd.DataFrame:
    """Return the first table of a page that has the columns."""
    return next(item.value for item in app.dataframe if set(columns) <= set(item.value.columns))


def run_notebook(home: Home, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[Any]]:
    """Run the cells of a notebook in this process; return its variables, and the values with which its cells end."""
    for key, value in home.history.settings.items():
        monkeypatch.setenv(key, value)
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    variables: dict[str, Any] = {}
    values: list[Any] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text = cell.source.replace('"../warehouse-sample"', repr(str(home.folder / "warehouse")))
            *body, end = ast.parse(text).body
            if isinstance(end, ast.Expr):
                exec(compile(ast.Module(body, []), name, "exec"), variables)
                values.append(eval(compile(ast.Expression(end.value), name, "eval"), variables))
            else:
                exec(compile(ast.Module([*body, end], []), name, "exec"), variables)
    return variables, values


def test_rates_and_their_comparison(
    home: Home, report: Callable[[str], pd.DataFrame], page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, before = (home.oracle.counted(home.oracle.of(*days)) for days in ((home.first, home.last), home.before))
    unrated = len(home.oracle.of(home.first, home.last, rated=False))
    wanted = {
        "failed": now.failed, "completed": now.n - now.failed, "n": now.n, "rate": now.rate,
        "low": now.interval[0], "high": now.interval[1],
        "previous_failed": before.failed, "previous_completed": before.n - before.failed, "previous_n": before.n,
        "previous_rate": before.rate, "previous_low": before.interval[0], "previous_high": before.interval[1],
        **dict(zip(("difference", "difference_low", "difference_high"), difference(now, before), strict=True)),
    }  # fmt: skip
    (from_cli,) = home.metric("period_comparison")
    (from_report,) = report("period_comparison").to_dict("records")
    variables, _ = run_notebook(home, "compare_two_periods", monkeypatch)
    (from_notebook,) = variables["comparison"].to_dict("records")
    for found in (from_cli, from_report, from_notebook):
        assert found == pytest.approx(wanted, abs=1e-9)
    values = {item.label: item.value for item in page("failure_rates").metric}
    assert now.rate is not None
    assert values["Failure rate"] == f"{now.rate * 100:.1f} %"
    assert values["Failed tasks"] == f"{now.failed + unrated:,}"
    assert values["Completed tasks"] == f"{now.n - now.failed:,}"
    trends = {item.label: (item.value, item.delta) for item in page("trends").metric}
    assert trends["This period"][0] == f"{now.rate * 100:.1f} %"
    assert f"of {now.n:,} (" in trends["This period"][1]
    (not_rated,) = report("not_rated")["failed"].tolist()
    assert not_rated == unrated


def test_rates_by_day_and_by_product(
    home: Home, report: Callable[[str], pd.DataFrame], page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = home.oracle.of(home.first, home.last)
    by_day = tasks.groupby(tasks["at"].dt.date)["failed"].agg(["sum", "count"])
    wanted = {day: (int(row["sum"]), int(row["count"])) for day, row in by_day.iterrows()}
    cli = {
        date.fromisoformat(row["period_start"][:10]): (row["failed"], row["n"]) for row in home.metric("failure_rate")
    }
    variables, _ = run_notebook(home, "explore_a_window", monkeypatch)
    rates = page("failure_rates", by="day", more="rows")
    shown = table(rates, "Day from (UTC)", "Failed")
    assert cli == wanted
    for frame, start, failed, n in (
        (report("failure_rate"), "period_start", "failed", "n"),
        (variables["rates"], "period_start", "failed", "n"),
        (shown, "Day from (UTC)", "Failed", "Finished"),
    ):
        found = zip(frame[start], frame[failed], frame[n], strict=True)
        assert {at.date(): (failures, outcomes) for at, failures, outcomes in found} == wanted
    by_product = {str(product): (int(part["failed"].sum()), len(part)) for product, part in tasks.groupby("product")}
    products = table(rates, "Business product", "Compared")
    for frame, name, failed, n in (
        (report("by_product"), "business_product_id", "failed", "n"),
        (products, "Business product", "Failed", "Finished"),
        (pd.DataFrame(home.metric("comparison_by_product")), "business_product_id", "failed", "n"),
    ):
        found = zip(frame[name], frame[failed], frame[n], strict=True)
        assert {product: (failures, outcomes) for product, failures, outcomes in found} == by_product


def test_error_codes_and_their_sets(
    home: Home, report: Callable[[str], pd.DataFrame], page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, before = home.oracle.codes(home.first, home.last), home.oracle.codes(*home.before)
    wanted = {code: (now.get(code, 0), before.get(code, 0)) for code in now}
    shown = table(page("error_codes"), "code", "first_seen")
    variables, _ = run_notebook(home, "explore_a_window", monkeypatch)
    for frame in (
        pd.DataFrame(home.metric("error_codes")),
        report("error_codes"),
        variables["codes"],
        shown,
    ):
        found = frame[frame["tasks"] > 0]
        assert {row.code: (row.tasks, row.tasks_before) for row in found.itertuples()} == wanted
    sets = home.oracle.code_sets(home.first, home.last)
    for frame in (pd.DataFrame(home.metric("code_sets")), report("code_sets")):
        assert dict(zip(frame["code_set"], frame["tasks"], strict=True)) == sets
    tasks = home.oracle.of(home.first, home.last)
    n, with_code = len(tasks), int(tasks["codes"].map(lambda codes: "LEGAL_HOLD" in codes)[tasks["failed"]].sum())
    (row,) = home.metric("period_comparison", "--code", "LEGAL_HOLD")
    assert (row["failed"], row["n"]) == (with_code, n)
    values = {item.label: item.value for item in page("failure_rates", code="LEGAL_HOLD").metric}
    assert values["Failure rate"] == f"{with_code / n * 100:.1f} %"


def test_deadlines_and_states_of_failed_tasks(
    home: Home, report: Callable[[str], pd.DataFrame], page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = home.oracle.failures(*home.data, home.today)
    cli = home.metric("open_failures", days=home.data)
    found = {
        row["task_id"]: (row["state"], date.fromisoformat(str(row["deadline"])), row["days_left"], row["exact"])
        for row in cli
    }
    assert {state for state, *_ in wanted.values()} == {"open", "closed", "recovered"}
    assert {is_exact for *_, is_exact in wanted.values()} == {True, False}
    assert found == wanted
    still_open = {task: (day, left, exact) for task, (state, day, left, exact) in wanted.items() if state == "open"}
    rows = report("open_failures")
    assert {row.task_id: (row.deadline, row.days_left, row.exact) for row in rows.itertuples()} == still_open
    app = page("tasks", **{"from": home.data[0].isoformat(), "due": "open"})
    listed = table(app, "task_id", "deadline")
    assert {
        row.task_id: (row.deadline, row.days_left, row.bound == "exact") for row in listed.itertuples()
    } == still_open
    variables, _ = run_notebook(home, "study_an_error_code", monkeypatch)
    with_code = {task for task in wanted if "ORDERS_NOT_CLOSED" in home.oracle.codes_of(task)}
    days = pd.Timestamp(variables["filters"].from_time).date(), home.last
    assert {row.task_id: (row.state, row.deadline, row.days_left, row.exact)
            for row in variables["still_open"].itertuples()} == {
        task: row for task, row in home.oracle.failures(*days, home.today).items() if task in with_code
    }  # fmt: skip
    counts = numbers_of_states(app)
    states = [state for state, *_ in wanted.values()]
    assert counts["Overdue"] == str(sum(left < 0 for _, left, _ in still_open.values()))
    assert counts["Recovered"] == str(states.count("recovered"))
    assert counts["Closed"] == str(states.count("closed"))
    assert counts["Waiting"] == str(len(report("waiting"))) == str(len(home.metric("waiting"))) == "5"


def test_the_dossier_of_every_failed_task(home: Home) -> None:
    rule = home.history.rule
    snapshot, calendar, now = home.snapshot, DeadlineCalendar.of(rule, home.history.zone), datetime.now(UTC)
    for task, (state, day, _, is_exact) in home.oracle.failures(*home.data, home.today).items():
        history = read_task_history(snapshot, task, calendar, built_in_guidance())
        assert history is not None
        dossier = build_dossier(
            history, product_name="", zone=home.history.zone, as_of=now, now=now, versions=snapshot.versions
        )
        assert dossier["state"] == state
        assert dossier["deadline"]["last_day"] == day.isoformat(), task
        assert (dossier["deadline"]["basis"] == "received") == is_exact
        assert {error["code"] for error in dossier["errors"]} == set(home.oracle.codes_of(task))


def test_change_points(
    home: Home, report: Callable[[str], pd.DataFrame], page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = home.metric("change_points", days=home.data)
    app = page("trends")
    shown = (
        table(app, "Changed on").iloc[::-1] if cli else pd.DataFrame({"Changed on": [], "n before": [], "n after": []})
    )
    assert shown["Changed on"].tolist() == [date.fromisoformat(row["changed_at"][:10]) for row in cli]
    assert shown["n before"].tolist() == [row["before_n"] for row in cli]
    _, values = run_notebook(home, "compare_two_periods", monkeypatch)
    (in_notebook,) = (value for value in values if isinstance(value, pd.DataFrame) and "changed_at" in value)
    for found in (cli, report("change_points").to_dict("records"), in_notebook.to_dict("records")):
        for row in found:
            changed, start, end = (pd.Timestamp(row[name]).date() for name in ("changed_at", "before_from", "after_to"))
            sides = {"before": (start, changed - timedelta(days=1)), "after": (changed, end - timedelta(days=1))}
            for side, days in sides.items():
                counted = home.oracle.counted(home.oracle.of(*days))
                assert (row[f"{side}_failed"], row[f"{side}_n"]) == (counted.failed, counted.n)
                assert row[f"{side}_rate"] == pytest.approx(counted.rate)
                assert (row[f"{side}_low"], row[f"{side}_high"]) == pytest.approx(counted.interval, abs=1e-9)
    if home.history.rises_on is None:
        return
    rise = home.history.first_day + timedelta(days=home.history.rises_on)
    (row,) = cli
    assert row["direction"] == "up"
    assert date.fromisoformat(row["changed_at"][:10]) == home.oracle.best_change(*home.data)
    assert row["earliest"][:10] <= rise.isoformat() <= row["latest"][:10]


def test_the_yearly_disclosure(home: Home) -> None:
    year = home.last - timedelta(days=364), home.last
    wanted = home.oracle.disclosure(*year)
    (from_cli,) = home.metric("disclosure", days=year)
    made = report_json(home.folder, "--force", period=f"{year[0]}..{year[1]}", **home.history.settings)
    path = home.folder / "reports" / made["key"] / "tables" / "disclosure.parquet"
    (from_report,) = pd.read_parquet(path).to_dict("records")
    for found in (from_cli, from_report):
        assert found == pytest.approx(wanted, abs=1e-9)
    assert json.loads((path.parents[1] / "manifest.json").read_text())["partial"]
