"""Every metric's SQL carries over to Athena and Spark."""

import re

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from bwp_client.metrics import METRICS
from bwp_client.metrics.run import sql_of

REFUSED = (
    exp.Qualify,
    exp.PercentileCont,
    exp.PercentileDisc,
    exp.Quantile,
    exp.ApproxQuantile,
    exp.Median,
    exp.Filter,
)
REFUSED_TEXT = re.compile(
    r"\bqualify\b|\bfilter\s*\(|\bgroup\s+by\s+all\b|percentile|\bexclude\b|::|\busing\b", re.IGNORECASE
)


def prepared(name: str) -> str:
    """Give the SQL with its parameters as a template would fill them in."""
    without_comments = re.sub(r"--[^\n]*", "", sql_of(name))
    return without_comments.replace("'bucket'", "'day'")


@pytest.mark.parametrize("name", METRICS)
def test_the_sql_stays_in_the_portable_subset(name: str) -> None:
    assert not REFUSED_TEXT.search(prepared(name))
    tree = sqlglot.parse_one(prepared(name), read="duckdb")
    assert not list(tree.find_all(*REFUSED))
    for group in tree.find_all(exp.Group):
        assert not group.args.get("all")
    for select in tree.find_all(exp.Select):
        assert not [item for item in select.expressions if isinstance(item, exp.Star)]


@pytest.mark.parametrize("target", ["athena", "spark"])
@pytest.mark.parametrize("name", METRICS)
def test_the_sql_carries_over(name: str, target: str) -> None:
    (rendered,) = sqlglot.transpile(
        prepared(name), read="duckdb", write=target, unsupported_level=ErrorLevel.RAISE, error_level=ErrorLevel.RAISE
    )
    again = sqlglot.parse_one(rendered, read=target, error_level=ErrorLevel.RAISE)
    assert not list(again.find_all(*REFUSED))
    assert not list(again.find_all(exp.Command))
    named = sqlglot.parse_one(prepared(name), read="duckdb").named_selects
    assert again.named_selects == named
