"""Every metric's SQL carries over to Athena and Spark."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from bwp_client.metrics import METRICS
from bwp_client.metrics.sql_templates import render_sql

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


SQL_FOLDER = Path(str(files("bwp_client.metrics") / "sql"))
QUERIES = sorted(path.relative_to(SQL_FOLDER).as_posix() for path in SQL_FOLDER.glob("queries/*.sql"))
over_templates = pytest.mark.parametrize("template", [*(spec.sql for spec in METRICS.values()), *QUERIES])


def without_comments(template: str) -> str:
    return re.sub(r"--[^\n]*", "", render_sql(template))


@over_templates
def test_the_sql_stays_in_the_portable_subset(template: str) -> None:
    assert not REFUSED_TEXT.search(without_comments(template))
    tree = sqlglot.parse_one(without_comments(template), read="duckdb")
    assert not list(tree.find_all(*REFUSED))
    for group in tree.find_all(exp.Group):
        assert not group.args.get("all")
    for select in tree.find_all(exp.Select):
        assert not [item for item in select.expressions if isinstance(item, exp.Star)]


@pytest.mark.parametrize("target", ["athena", "spark"])
@over_templates
def test_the_sql_carries_over(template: str, target: str) -> None:
    (rendered,) = sqlglot.transpile(
        without_comments(template),
        read="duckdb",
        write=target,
        unsupported_level=ErrorLevel.RAISE,
        error_level=ErrorLevel.RAISE,
    )
    again = sqlglot.parse_one(rendered, read=target, error_level=ErrorLevel.RAISE)
    assert not list(again.find_all(*REFUSED))
    assert not list(again.find_all(exp.Command))
    named = sqlglot.parse_one(without_comments(template), read="duckdb").named_selects
    assert again.named_selects == named
