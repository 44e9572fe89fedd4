"""The split of a changed rate into mix and rate adds up to the whole, whatever the counts."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bwp_client.metrics.filters import Filters
from bwp_client.metrics.sql_templates import bound, filter_parameters, render_sql

NOW = datetime(2026, 3, 2, tzinfo=UTC)
FILTERS = Filters(NOW, NOW + timedelta(days=7))
SQL = render_sql("contributors.sql")
COUNT = st.integers(0, 400)
PRODUCTS = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(COUNT, COUNT, COUNT, COUNT), min_size=1)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    opened.execute("set TimeZone = 'UTC'")
    opened.execute(
        "create table daily_counts (business_product_id varchar, task_kind varchar, region varchar, outcome varchar, "
        "bucket_start timestamptz, has_denominator boolean, tasks bigint)"
    )
    opened.execute(
        "create table failed_codes (code varchar, code_set varchar, task_id varchar, task_kind varchar, region varchar, "
        "business_product_id varchar, occurred_at timestamptz, has_denominator boolean)"
    )
    return opened


@settings(deadline=None)
@given(products=PRODUCTS)
def test_the_effects_add_up(
    connection: duckdb.DuckDBPyConnection, products: dict[str, tuple[int, int, int, int]]
) -> None:
    connection.execute("delete from daily_counts")
    rows = [
        (product, "DELETION", "r", outcome, time, True, tasks)
        for product, counts in products.items()
        for (outcome, time), tasks in zip(
            [(outcome, time) for time in (NOW, NOW - timedelta(days=1)) for outcome in ("FAILED", "COMPLETED")],
            counts,
            strict=True,
        )
        if tasks
    ]
    if rows:
        connection.executemany("insert into daily_counts values (?, ?, ?, ?, ?, ?, ?)", rows)
    found = connection.execute(SQL, bound(SQL, filter_parameters(FILTERS) | {"min_n": 20})).df()
    failed, completed, was_failed, was_completed = (sum(counts[at] for counts in products.values()) for at in range(4))
    n, was_n = failed + completed, was_failed + was_completed
    if n < 20 or was_n < 20:
        assert found["contribution"].isna().all()
        return
    change = failed / n - was_failed / was_n
    assert found["contribution"].sum() == pytest.approx(change, abs=1e-12)
    assert found["mix_effect"].sum() + found["rate_effect"].sum() == pytest.approx(change, abs=1e-12)
    for row in found.itertuples():
        if row.n and row.previous_n and row.failed * row.previous_n == row.previous_failed * row.n:
            assert row.rate_effect == pytest.approx(0, abs=1e-12)
    if all(counts[0] + counts[1] == counts[2] + counts[3] for counts in products.values()):
        assert found["mix_effect"].abs().max() == pytest.approx(0, abs=1e-12)
