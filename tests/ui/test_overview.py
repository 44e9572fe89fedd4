"""The first screen of the overview says what happened, since when, why, and whether it goes on, in few words."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.events import envelope, write
from support.lookups import looked_up, store_lookups

from bwp_client.load import load
from bwp_client.sources import open_source
from bwp_client.warehouse import Warehouse

OpenPage = Callable[..., AppTest]
LUMA, HARBOR = (f"bp-2f1c8f1e-0000-4000-8000-00000000000{end}" for end in "ab")
START = datetime(2026, 8, 31, tzinfo=UTC)
DAYS, PER_DAY = 84, 30
RateOf = Callable[[int, str], int]
"""Returns how many of thirty tasks of a product fail on a day."""


def make_shop(folder: Path, failures_of: RateOf, code_of: Callable[[int, str], str]) -> Path:
    """Return a warehouse of two products over twelve weeks, whose failed tasks were all looked up."""
    events, answers = [], []
    for day in range(DAYS):
        for product in (LUMA, HARBOR):
            for number in range(PER_DAY):
                task, failed = f"t-{day:02d}-{product[-1]}-{number:02d}", number < failures_of(day, product)
                time = START + timedelta(days=day, minutes=30 * number)
                events.append(envelope(task, outcome="FAILED" if failed else "COMPLETED", time=time, product=product))
                if failed:
                    answers.append(looked_up(task, errors=[code_of(day, product)], business_product_id=product))
    load(Warehouse(str(folder / "w")), open_source(str(write(folder / "events.json", events))))
    store_lookups(Warehouse(str(folder / "w")), answers, finished_at=START + timedelta(days=DAYS))
    return folder / "w"


def headline_of(app: AppTest) -> str:
    assert not app.exception
    return app.subheader[0].value.replace("\\", "")


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BWP_PRODUCT_NAMES", f'{{"{LUMA}": "Luma", "{HARBOR}": "Harbor"}}')


def test_a_rise_at_one_product_that_lasts(tmp_path: Path, open_page: OpenPage) -> None:
    home = make_shop(
        tmp_path,
        lambda day, product: 7 if product == LUMA and day >= 63 else 1,
        lambda day, product: "ORDERS_NOT_CLOSED" if product == LUMA and day >= 63 else "OTHER",
    )
    text = headline_of(open_page("overview", home))
    assert re.match(r"[\d.]+ % of deletions failed, up from 3\.\d %\.", text), text
    assert "Worst: Luma since 2 Nov, mostly ORDERS_NOT_CLOSED. It is still going on." in text, text


def test_an_incident_that_is_over(tmp_path: Path, open_page: OpenPage) -> None:
    home = make_shop(
        tmp_path,
        lambda day, product: 9 if product == LUMA and 63 <= day < 70 else 1,
        lambda day, product: "ORDERS_NOT_CLOSED",
    )
    text = headline_of(open_page("overview", home))
    assert "Worst: Luma, 2–8 Nov, mostly ORDERS_NOT_CLOSED. It is over." in text, text


def test_a_new_code(tmp_path: Path, open_page: OpenPage) -> None:
    home = make_shop(
        tmp_path,
        lambda day, product: 2,
        lambda day, product: "LEGAL_HOLD" if day >= 70 and day % 2 else "OTHER",
    )
    text = headline_of(open_page("overview", home))
    assert text == "6.7 % of deletions failed, as before. LEGAL_HOLD is new."


def test_the_text_to_copy_says_the_same_with_its_days(tmp_path: Path, open_page: OpenPage) -> None:
    app = open_page("overview", make_shop(tmp_path, lambda day, product: 2, lambda day, product: "OTHER"))
    app.session_state["copy"] = True
    app.run()
    (text,) = [item.value for item in app.code if "deletions failed" in item.value]
    assert text.startswith(headline_of(app))
    assert "(26 Oct 2026 to 22 Nov 2026, as of " in text
