"""Failed tasks in rows: by products or by codes, whichever are fewer, and their number in words."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from bwp_client.metrics import Filters
from bwp_client.metrics.failure_timeline import MAX_ROWS, MAX_TASKS, OTHERS, failure_timeline, timeline_sentence

START = datetime(2025, 12, 3, tzinfo=UTC)
FILTERS = Filters(START, START + timedelta(days=360))


def failures(*tasks: tuple[str, str, str]) -> pd.DataFrame:
    """Return rows of (task ID, product, code), newest first, an hour apart."""
    times = [START + timedelta(days=300) - timedelta(hours=number) for number in range(len(tasks))]
    ids, products, codes = zip(*tasks, strict=True) if tasks else ((), (), ())
    return pd.DataFrame(
        {
            "task_id": ids, "failed_at": pd.to_datetime(times, utc=True), "business_product_id": products,
            "code": codes, "code_set": codes,
        }
    )  # fmt: skip


def test_the_rows_are_products_or_codes_whichever_are_fewer() -> None:
    by_product = failure_timeline(failures(("a", "p", "X"), ("b", "p", "Y")), FILTERS)
    assert (by_product.rows, by_product.is_by_code) == (("p",), False)
    by_code = failure_timeline(failures(("a", "p", "X"), ("b", "q", "X"), ("b", "q", "Y"), ("c", "r", "Y")), FILTERS)
    assert (by_code.rows, by_code.is_by_code) == (("X", "Y"), True)
    assert len(by_code.tasks) == 4


def test_a_task_with_two_codes_is_one_dot_of_its_product() -> None:
    timeline = failure_timeline(failures(("a", "p", "X"), ("a", "p", "Y")), FILTERS)
    assert timeline.tasks["task_id"].tolist() == ["a"]


def test_more_rows_than_fit_are_pooled_in_the_last() -> None:
    many = [(f"{n}-{m}", f"p{n:02}", f"C{n}-{m}") for n in range(20) for m in range(20 - n)]
    timeline = failure_timeline(failures(*many), FILTERS)
    assert timeline.rows == (*(f"p{n:02}" for n in range(MAX_ROWS - 1)), OTHERS)
    assert len(timeline.tasks) == len(many)


def test_the_sentence_has_counts_and_days() -> None:
    timeline = failure_timeline(failures(("a", "p", "X"), ("b", "p", "Y")), FILTERS)
    assert timeline_sentence(timeline, {"failed": 2, "n": 45}, 0) == (
        "2 failed of 45 finished tasks from 3 Dec 2025 to 27 Nov 2026; the newest on 29 Sep 2026."
    )
    assert timeline_sentence(timeline, {"failed": 0, "n": 0}, 1) == (
        "1 failed task from 3 Dec 2025 to 27 Nov 2026; the newest on 29 Sep 2026."
    )
    nothing = failure_timeline(failures(), FILTERS)
    assert timeline_sentence(nothing, {"failed": 0, "n": 3}, 0) == (
        "0 failed of 3 finished tasks from 3 Dec 2025 to 27 Nov 2026."
    )


def test_the_newest_tasks_are_shown_where_there_are_very_many() -> None:
    many = [(str(n), "p", "X") for n in range(MAX_TASKS + 1)]
    timeline = failure_timeline(failures(*many), FILTERS)
    assert timeline.is_cut
    assert len(timeline.tasks) == MAX_TASKS
    assert "the newest 300 are shown" in timeline_sentence(timeline, {"failed": 301, "n": 400}, 0)
