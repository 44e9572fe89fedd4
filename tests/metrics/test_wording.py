"""The sentence says what the data support, and no more."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import Table
from support.shop import Task, shop_of

from bwp_client.metrics import run_metric
from bwp_client.metrics.attribution import Cause, codes_moved_in_proportion, find_cause, may_be_requests
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.filters import Filters
from bwp_client.metrics.wording import days, duration, minute, percent, period_length, short_day, statement
from bwp_client.warehouse.snapshot import Snapshot

ROOT = Path(__file__).parents[2]
START = datetime(2026, 3, 2, tzinfo=UTC)
MIDDLE, END = START + timedelta(days=28), START + timedelta(days=56)
FILTERS = Filters(MIDDLE, END)
PRODUCTS = ("bp-a", "bp-b")


def tasks_of(product: str, daily: list[tuple[int, int]], code: str | None = "SOME_CODE") -> list[Task]:
    """Return tasks of the given numbers (failed, completed) per day; `code` None leaves them without a lookup."""
    tasks = []
    for index, counts in enumerate(daily):
        at = START + timedelta(days=index, hours=9)
        for outcome, count in zip(("FAILED", "COMPLETED"), counts, strict=True):
            for number in range(count):
                is_coded = outcome == "FAILED" and code is not None
                tasks.append(
                    Task(
                        f"{product}-{index}-{outcome}-{number}-{code}",
                        outcome,
                        at,
                        product,
                        codes=(code,) if is_coded else None,
                        submitted_at=at if is_coded else None,
                    )
                )
    return tasks


def statement_of(snapshot: Snapshot) -> str:
    (row,) = run_metric(snapshot, "period_comparison", FILTERS).to_dict("records")

    def of(product: str | None) -> Filters:
        return FILTERS if product is None else FILTERS.with_(business_products=(product,))

    products = pd.concat(
        [run_metric(snapshot, "period_comparison", of(name)).assign(business_product_id=name) for name in PRODUCTS]
    )
    cause = find_cause(
        row,
        products,
        lambda product: run_metric(snapshot, "contributors", of(product)),
        lambda product: run_metric(snapshot, "change_points", of(product).with_(from_time=START)),
    )
    return statement(row, timedelta(days=28), cause, lambda product: product.removeprefix("bp-").upper())


def test_a_rise_at_one_product_is_named_with_its_code_and_its_day(tmp_path: Path) -> None:
    tasks = tasks_of("bp-a", [(2, 40)] * 56) + tasks_of("bp-b", [(1, 20)] * 56)
    tasks += tasks_of("bp-b", [(0, 0)] * 36 + [(5, 0)] * 20, code="ORDERS_NOT_CLOSED")
    text = statement_of(shop_of(tmp_path, tasks))
    assert text == (
        "Failure rate 9.9 % (8.6–11.3 %, n 1,864), higher than the 4 weeks before (4.8 %); most of the rise is "
        "ORDERS_NOT_CLOSED at B since 7 Apr 2026."
    )


def test_a_rise_everywhere_names_no_product(tmp_path: Path) -> None:
    daily = [(1, 40)] * 28 + [(4, 40)] * 28
    text = statement_of(shop_of(tmp_path, tasks_of("bp-a", daily) + tasks_of("bp-b", daily)))
    assert "higher than the 4 weeks before" in text
    assert "most of the rise is SOME_CODE since 30 Mar 2026" in text


def test_a_rise_of_many_small_parts_says_so(tmp_path: Path) -> None:
    tasks = [
        task
        for product in PRODUCTS
        for code in ("C1", "C2", "C3")
        for task in tasks_of(product, [(0, 15)] * 28 + [(1, 15)] * 28, code=code)
    ]
    assert statement_of(shop_of(tmp_path, tasks)).endswith(
        "; no single product and no single code makes up most of the rise."
    )


@pytest.mark.parametrize("codes", [("C1", "C2", "C3"), (None,)], ids=["one product", "one product, no reasons"])
def test_of_a_single_product_nothing_is_said_but_that_it_rose(tmp_path: Path, codes: tuple[str | None, ...]) -> None:
    tasks = [task for code in codes for task in tasks_of("bp-a", [(0, 15)] * 28 + [(1, 15)] * 28, code=code)]
    assert statement_of(shop_of(tmp_path, tasks)).endswith("higher than the 4 weeks before (0.0 %).")


def test_while_the_reasons_are_not_looked_up_none_is_ruled_out(tmp_path: Path) -> None:
    tasks = [task for product in PRODUCTS for task in tasks_of(product, [(0, 15)] * 28 + [(1, 15)] * 28, code=None)]
    assert statement_of(shop_of(tmp_path, tasks)).endswith("higher than the 4 weeks before (0.0 %).")


def test_a_fall_is_told_like_a_rise(tmp_path: Path) -> None:
    daily = [(6, 40)] * 28 + [(1, 40)] * 28
    text = statement_of(shop_of(tmp_path, tasks_of("bp-a", [(1, 20)] * 56) + tasks_of("bp-b", daily)))
    assert "lower than the 4 weeks before" in text
    assert "most of the fall is SOME_CODE at B since 30 Mar 2026" in text


def test_a_shift_between_products_is_no_products_fault(tmp_path: Path) -> None:
    tasks = tasks_of("bp-a", [(1, 50)] * 56) + tasks_of("bp-b", [(2, 5)] * 28 + [(16, 40)] * 28)
    assert statement_of(shop_of(tmp_path, tasks)).endswith(
        "most of the rise is that more outcomes came from products that fail more often."
    )


def test_a_reason_that_is_not_looked_up_is_no_reason(tmp_path: Path) -> None:
    tasks = tasks_of("bp-a", [(1, 40)] * 56) + tasks_of("bp-b", [(1, 20)] * 28 + [(6, 20)] * 28, code=None)
    text = statement_of(shop_of(tmp_path, tasks))
    assert "looked up" not in text
    assert "most of the rise is at B since 30 Mar 2026." in text


def test_a_code_is_no_reason_where_the_failures_before_were_not_looked_up(tmp_path: Path) -> None:
    """Before, any of them may have had the code."""
    tasks = tasks_of("bp-a", [(10, 100)] * 28, code=None) + tasks_of("bp-b", [(1, 100)] * 56)
    for code, failed in {"C1": 12, "C2": 8}.items():
        tasks += tasks_of("bp-a", [(0, 0)] * 28 + [(failed, 50)] * 28, code=code)
    text = statement_of(shop_of(tmp_path, tasks))
    assert "most of the rise is at A since 30 Mar 2026." in text


def test_a_few_that_are_not_looked_up_hide_no_reason(tmp_path: Path) -> None:
    tasks = tasks_of("bp-a", [(1, 100)] * 28, code=None) + tasks_of("bp-a", [(9, 100)] * 28 + [(20, 100)] * 28)
    tasks += tasks_of("bp-a", [(0, 0)] * 28 + [(1, 0)] * 28, code=None) + tasks_of("bp-b", [(1, 100)] * 56)
    assert "most of the rise is SOME_CODE at A since 30 Mar 2026." in statement_of(shop_of(tmp_path, tasks))


@pytest.mark.parametrize("is_rise", [True, False])
def test_no_code_is_ruled_out_where_what_is_not_looked_up_may_be_its(tmp_path: Path, is_rise: bool) -> None:
    """Of ten more a day four have one code of many, and four were not looked up."""
    codes = {"C1": 2, "C2": 2, "C3": 2, None: 4}
    tasks = [
        task
        for product in PRODUCTS
        for code, number in codes.items()
        for few, many in [((1, 0), (1 + number, 0))]
        for task in tasks_of(product, [few] * 28 + [many] * 28 if is_rise else [many] * 28 + [few] * 28, code=code)
    ]
    tasks += [task for product in PRODUCTS for task in tasks_of(product, [(0, 100)] * 56, code="")]
    text = statement_of(shop_of(tmp_path, tasks))
    assert ("higher" if is_rise else "lower") in text
    assert "no one code" not in text


def test_more_requests_alone_are_no_change(tmp_path: Path) -> None:
    tasks = tasks_of("bp-a", [(1, 20)] * 28 + [(5, 100)] * 28) + tasks_of("bp-b", [(1, 20)] * 28 + [(5, 100)] * 28)
    assert statement_of(shop_of(tmp_path, tasks)).endswith("no clear change from the 4 weeks before (4.8 %).")


def surge(factor: int, *, codes: dict[str, tuple[int, int]]) -> list[Task]:
    """Return tasks of which failures come at once and completions after 30 days; requests grow for the last 25 days.

    `codes` says how many of a day's requests fail with each code, before the surge and in it (there by `factor` more).
    """
    tasks = []
    for index in range(-30, 56):
        grown = factor if index >= 31 else 1
        asked = START + timedelta(days=index, hours=9)
        done = asked + timedelta(days=30)
        for code, counts in codes.items():
            failing = counts[index >= 31] * grown if index >= 0 else 0
            tasks += [
                Task(f"{code}-{index}-{number}", "FAILED", asked, codes=(code,), submitted_at=asked)
                for number in range(failing)
            ]
        if START <= done < END:
            tasks += [Task(f"ok-{index}-{number}", "COMPLETED", done) for number in range(60 * grown)]
    return tasks


LIKE_REQUESTS = "More requests alone could look like this for a while: failures come sooner than completions."


def test_a_surge_of_requests_is_not_told_as_if_more_of_them_failed(tmp_path: Path) -> None:
    text = statement_of(shop_of(tmp_path, surge(3, codes={"C1": (2, 2), "C2": (1, 1), "C3": (1, 1)})))
    assert "higher than the 4 weeks before" in text
    assert LIKE_REQUESTS in text


def test_fewer_requests_may_lower_the_rate(tmp_path: Path) -> None:
    tasks = [
        task
        for code, (before, now) in {"C1": (6, 2), "C2": (3, 1)}.items()
        for task in tasks_of("bp-a", [(before, 40)] * 28 + [(now, 40)] * 28, code=code)
    ]
    text = statement_of(shop_of(tmp_path, tasks))
    assert "lower than the 4 weeks before" in text
    assert "Fewer requests alone could look like this for a while" in text


@pytest.mark.parametrize(
    ("now", "before", "wanted"),
    [
        ((130, 2176), (84, 2253), False),  # more failures among fewer outcomes
        ((130, 2300), (84, 2253), True),
        ((84, 2176), (130, 2253), True),
        ((84, 2300), (130, 2253), False),
        ((84, 2300), (84, 2253), False),
    ],
)
def test_more_requests_bring_more_outcomes(now: tuple[int, int], before: tuple[int, int], wanted: bool) -> None:
    row = dict(zip(("failed", "n", "previous_failed", "previous_n"), (*now, *before), strict=True))
    assert may_be_requests(row, contributors({"A": (now[0], before[0])})) is wanted


def test_one_code_that_grew_is_no_surge(tmp_path: Path) -> None:
    text = statement_of(shop_of(tmp_path, surge(1, codes={"C1": (2, 6), "C2": (1, 1), "C3": (1, 1)})))
    assert "most of the rise is C1" in text
    assert LIKE_REQUESTS not in text


def test_codes_that_are_not_known_rule_no_surge_out(tmp_path: Path) -> None:
    tasks = tasks_of("bp-a", [(1, 40)] * 56) + tasks_of("bp-b", [(1, 20)] * 28 + [(6, 20)] * 28, code=None)
    assert LIKE_REQUESTS in statement_of(shop_of(tmp_path, tasks))


def test_codes_that_grow_by_one_factor_are_seldom_told_apart() -> None:
    """The test's own rate of error is 1 in 20."""
    dice = np.random.default_rng(1)
    now, before = dice.poisson([90, 60, 30, 8, 2], (2000, 5)), dice.poisson([30, 20, 10, 3, 1], (2000, 5))
    drawn = [dict(zip("ABCDE", zip(*pair, strict=True), strict=True)) for pair in zip(now, before, strict=True)]
    assert 0.03 < sum(not codes_moved_in_proportion(contributors(counts)) for counts in drawn) / len(drawn) < 0.08


def test_the_test_of_codes_is_pearsons() -> None:
    """Against statsmodels, the rare codes put together by hand."""
    counts = {"A": (90, 30), "B": (52, 30), "C": (31, 9), "D": (3, 1), "E": (2, 2)}
    table = Table(np.array([(90, 30), (52, 30), (31, 9), (5, 3)]), shift_zeros=False)
    assert codes_moved_in_proportion(contributors(counts)) == (table.test_nominal_association().pvalue >= 0.05)
    assert not codes_moved_in_proportion(contributors(counts | {"B": (20, 60)}))


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ({"A": (30, 10)}, True),
        ({"(not looked up)": (30, 10), "A": (30, 10)}, True),
        ({"(not looked up)": (90, 1), "A": (30, 30), "B": (30, 30)}, True),
        ({"A": (30, 0), "B": (10, 0)}, False),
        ({"(not looked up)": (30, 0)}, False),
        ({"A": (1, 1), "B": (2, 0)}, True),
        ({"A": (0, 30), "B": (0, 20)}, True),
        ({}, False),
    ],
)
def test_few_codes_tell_nothing(counts: dict[str, tuple[int, int]], wanted: bool) -> None:
    assert codes_moved_in_proportion(contributors(counts)) is wanted


def contributors(counts: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Return the code part of a `contributors` frame."""
    rows = [("code_set", name, now, before) for name, (now, before) in counts.items()]
    return pd.DataFrame(rows, columns=["part", "code_set", "failed", "previous_failed"])


@pytest.mark.parametrize(
    ("daily", "wanted"),
    [
        ([(0, 0)] * 40 + [(3, 1)], "3 of 4 tasks failed: too few to rate."),
        ([(0, 0)] * 40 + [(5, 45)], "; the 4 weeks before had too few outcomes to compare."),
        ([(1, 40)], "No task of this kind ended in this period."),
    ],
)
def test_few_data_raise_no_alarm(tmp_path: Path, daily: list[tuple[int, int]], wanted: str) -> None:
    text = statement_of(shop_of(tmp_path, tasks_of("bp-a", daily)))
    assert text.endswith(wanted)
    assert "higher" not in text


def test_without_a_clear_change_there_is_no_cause() -> None:
    row = {"difference": 0.1, "difference_low": -0.01, "difference_high": 0.2}
    assert verdict(row) == "no clear change"
    assert find_cause(row, *[None] * 3) is None  # type: ignore[arg-type]
    assert Cause() == Cause(None, None, None, False)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(1, "1 hours"), (24, "day"), (168, "7 days"), (336, "2 weeks"), (240, "10 days"), (672, "4 weeks")],
)
def test_a_period_in_words(hours: int, words: str) -> None:
    assert period_length(timedelta(hours=hours)) == words


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "3 s"), (300, "5.0 min"), (9_000, "2.5 h"), (100_000, "27.8 h"), (864_000, "10.0 days")]
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 11, 3), date(2026, 11, 3), "3 Nov 2026"),
        (date(2026, 11, 3), date(2026, 11, 30), "3 to 30 Nov 2026"),
        (date(2026, 10, 31), date(2026, 11, 3), "31 Oct to 3 Nov 2026"),
        (date(2025, 11, 3), date(2026, 11, 3), "3 Nov 2025 to 3 Nov 2026"),
        (datetime(2026, 11, 3, tzinfo=UTC), date(2026, 11, 3), "3 Nov 2026"),
    ],
)
def test_a_period_names_month_and_year_only_where_they_change(first: date, last: date, text: str) -> None:
    assert days(first, last) == text


def test_days_have_no_leading_zero_and_percent_signs_have_a_space() -> None:
    time = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
    assert (minute(time), short_day(time)) == ("2 Mar 2026 09:05 UTC", "2 Mar")
    assert (percent(0.0413), percent(0.5, 0)) == ("4.1 %", "50 %")


ON_SCREEN = [
    *(ROOT / "pages").glob("*.py"),
    *(path for name in ("ui", "charts", "metrics") for path in (ROOT / "bwp_client" / name).rglob("*.py")),
]
OTHER_FORMATS = re.compile(r"%d %b|%b %d|DD MMM|:\.\d%}")
"""Days with a leading zero or after the month, and shares without a space; only Plotly writes `5%`, in axes and hovers."""


def test_text_on_the_screen_has_one_format_of_days_and_shares() -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in ON_SCREEN
        for line in path.read_text(encoding="utf-8").splitlines()
        if OTHER_FORMATS.search(line) and "%{" not in line
    ]
    assert found == []
