"""A product, error code or region that no data name is wrong usage, with near matches, in every command that filters."""

import json
from pathlib import Path

import pytest
from support.reports import MONDAY, look_up, make_warehouse, report, run, run_json, steady, week_of_events

COMMANDS = {
    "metric": ("metric", "failure_rate"),
    "check": ("check",),
    "report": ("report", "--period", "2026-W10"),
}
over_commands = pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS.keys())
SHOES = "bp-11111111-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    events, answers = steady()
    shoes = [
        event | {"region": "eu-west-1"}
        for event in week_of_events(MONDAY, failed=5, completed=40, prefix="s", product=SHOES)
    ]
    warehouse = make_warehouse(folder, events + shoes, answers)
    look_up(warehouse, {f"s-{number}": [None] for number in range(5)}, product=SHOES)
    return folder


@over_commands
@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--business-product", "nope", "No task belongs to the business product 'nope'"),
        ("--business-product", SHOES[:-1] + "2", f"Did you mean {SHOES}"),
        ("--business-product", "Shoes", f"Did you mean {SHOES}"),
        ("--region", "eu-west-11", "Did you mean eu-west-1"),
    ],
)
def test_a_value_never_seen_is_wrong_usage(
    home: Path, arguments: tuple[str, ...], option: str, value: str, words: str
) -> None:
    done = run(home, *arguments, option, value, allowed=(2,), BWP_PRODUCT_NAMES=json.dumps({SHOES: "Shoes"}))
    assert words in done.stderr
    assert "Nothing was" in done.stderr
    assert done.stdout == ""
    assert not list((home / "reports").glob("*/manifest.json"))


def test_a_uuid_in_capitals_is_the_same_product(home: Path) -> None:
    period = ("--from", "2026-03-02", "--to", "2026-03-08")
    small, capital = (
        run_json(home, "metric", "failure_rate", *period, "--business-product", name, "--json")
        for name in (SHOES, SHOES.upper())
    )
    assert sum(row["failed"] for row in small) == 5
    assert capital == small


@pytest.mark.parametrize("arguments", [COMMANDS["metric"], COMMANDS["report"]], ids=["metric", "report"])
def test_a_code_never_seen_is_wrong_usage(home: Path, arguments: tuple[str, ...]) -> None:
    done = run(home, *arguments, "--code", "ORDER_NOT_CLOSED", "--code", "ORDERS_NOT_CLOSED", allowed=(2,))
    assert "No failed task has the error code 'ORDER_NOT_CLOSED'" in done.stderr
    assert "Did you mean ORDERS_NOT_CLOSED?" in done.stderr


def test_values_that_resemble_none_are_answered_with_those_that_there_are(home: Path) -> None:
    done = run(home, "metric", "error_codes", "--code", "xyz", allowed=(2,))
    assert "There are: ORDERS_NOT_CLOSED, (uncoded), (not looked up)." in done.stderr


def test_what_was_seen_and_the_two_sets_without_a_code_are_accepted(home: Path) -> None:
    assert run_json(home, "metric", "error_codes", "--code", "(not looked up)", "--json") == []
    for code in ("ORDERS_NOT_CLOSED", "(uncoded)"):
        period = ("--from", "2026-03-02", "--to", "2026-03-08")
        (row,) = run_json(home, "metric", "error_codes", *period, "--code", code, "--json")
        assert row["code"] == code
    run(home, "metric", "failure_rate", "--task-kind", "RETRIEVAL", "--business-product", SHOES)
    assert report(home, "--business-product", SHOES, "--region", "eu-west-1", "--as-of", "2100-01-01").exit_code == 2
