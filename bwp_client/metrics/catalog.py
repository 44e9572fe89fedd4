"""The registry of metrics: the title, the explanations, the SQL template and the last step of each metric.

The glossary page shows the meaning, and `docs/metrics.md` repeats it word for word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from bwp_client.metrics import change_points, comparison, error_codes, periods, worklist
from bwp_client.metrics.context import MetricContext

KNOWN_SHARE = 0.95
"""The share of failed and of completed tasks that must be looked up before a rate by submission is computed."""


class MetricName(StrEnum):
    """The name of every metric, as the command line takes it."""

    FAILURE_RATE = "failure_rate"
    SUBMISSION_RATE = "submission_rate"
    ERROR_CODES = "error_codes"
    ERROR_CODES_OVER_TIME = "error_codes_over_time"
    CODES_BY_PRODUCT = "codes_by_product"
    CODE_SETS = "code_sets"
    TIME_TO_OUTCOME = "time_to_outcome"
    PERIOD_COMPARISON = "period_comparison"
    COMPARISON_BY_PRODUCT = "comparison_by_product"
    CONTRIBUTORS = "contributors"
    CHANGE_POINTS = "change_points"
    WEEKDAY_HOUR = "weekday_hour"
    COVERAGE = "coverage"
    GAPS = "gaps"
    OPEN_FAILURES = "open_failures"
    WAITING = "waiting"
    DISCLOSURE = "disclosure"
    LOOKUP_STATES = "lookup_states"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """How a metric is computed and explained.

    Attributes:
        title: Its name on screen.
        brief: What it counts, in at most 25 words, for tooltips.
        meaning: The formula in words, the denominator, and the method's source.
        sql: Its template in `metrics/sql`.
        finish: Converts the rows of the SQL into the metric's frame; None if the rows are the frame.
    """

    title: str
    brief: str
    meaning: str
    sql: str
    finish: Callable[[pd.DataFrame, MetricContext], pd.DataFrame] | None = None


METRICS: dict[MetricName, MetricSpec] = {
    MetricName.FAILURE_RATE: MetricSpec(
        "Failure rate",
        "Failed tasks ÷ finished tasks (failed or completed), by the day on which they finished.",
        "Failed tasks ÷ finished tasks (failed or completed), by the date on which they finished. The range is the "
        "95 % Wilson interval: with so few or so many finished tasks, the true rate lies in it 19 times of 20. "
        "Failures can come within seconds and completions after 40 days, so a surge of requests alone can move the "
        "rate. Under the minimum n only counts are shown.",
        "failure_rate.sql",
        periods.with_partial,
    ),
    MetricName.SUBMISSION_RATE: MetricSpec(
        "Failure rate by submission",
        "Failed tasks ÷ finished tasks, by the day on which they were submitted. A surge of requests alone does not "
        "change it.",
        "Failed tasks ÷ finished tasks (failed or completed), by the date on which they were submitted, at whatever "
        "time they finished: a surge of requests alone does not change it. Only looked-up tasks have a submission, "
        f"so a period is rated only when {KNOWN_SHARE * 100:.0f} % of the failed and of the completed tasks that "
        "finished since its start were looked up; only enrich --completed looks up completed tasks. Partial: some "
        "tasks of the period may still be running, because less time has passed than 99 of 100 completed tasks took. "
        "Failures come first, so the rate of such a period starts too high. The range is the 95 % Wilson interval.",
        "submission_rate.sql",
        periods.with_unsettled,
    ),
    MetricName.ERROR_CODES: MetricSpec(
        "Error codes",
        "Failed tasks by error code. A task with two codes counts under each. New, returned, rising, ongoing and "
        "quiet: see the glossary.",
        "Failed tasks by the error code that Buy with Prime gives. A task with two codes counts under each; shares "
        "are of all failed tasks. New: first seen in this period. Returned: seen earlier, but not in the period "
        "before. Rising: at least 5 more tasks than in the period before, a share of all finished tasks at least 1.5 "
        "times as high, and more than luck explains 19 times of 20. A surge of requests lets codes rise until its "
        "completions are in. Quiet: seen earlier, not in this period. Ongoing: everything else. Where the data begin "
        f"too late to tell, or less than {KNOWN_SHARE * 100:.0f} % of the failures before were looked up, a code is "
        "ongoing. Where a smaller share of this period's failures was looked up, no code is quiet.",
        "error_codes.sql",
        error_codes.with_guidance,
    ),
    MetricName.ERROR_CODES_OVER_TIME: MetricSpec(
        "Error codes over time",
        "Failed tasks by error code and day of the failure. A task with two codes counts under each.",
        "Failed tasks by error code and date of the failure. A task with two codes counts under each.",
        "error_codes_over_time.sql",
        periods.with_partial,
    ),
    MetricName.CODES_BY_PRODUCT: MetricSpec(
        "Error codes by business product",
        "Failed tasks by error code and business product. A task with two codes counts under each.",
        "Failed tasks by error code and business product. A task with two codes counts under each.",
        "codes_by_product.sql",
    ),
    MetricName.CODE_SETS: MetricSpec(
        "Codes that come together",
        "Failed tasks by all their codes together. Each task counts once.",
        "Failed tasks by the set of all their codes. Each task counts once, so the shares add up to the whole.",
        "code_sets.sql",
    ),
    MetricName.TIME_TO_OUTCOME: MetricSpec(
        "Time to outcome",
        "The time from the submission of a task until it failed or completed. Only looked-up tasks count.",
        "The time from submission, as Buy with Prime reports it, to the event of its end. Half of the tasks took no "
        "longer than the median, 9 of 10 no longer than the 90th percentile, 99 of 100 no longer than the 99th, "
        "which needs 100 tasks. Only looked-up tasks count; only enrich --completed looks up completed tasks.",
        "time_to_outcome.sql",
        periods.with_partial,
    ),
    MetricName.PERIOD_COMPARISON: MetricSpec(
        "Against the period before",
        "Compared with as many days just before. “Higher” and “lower” are said only where chance is unlikely (95 % certain).",
        "The failure rate of this period minus that of the period of the same length just before it, with Newcombe's "
        "95 % interval. It is called higher or lower only when the interval does not contain zero. Where data are "
        "missing at the beginning of the period before, because it is older than the data or was purged, nothing is "
        "compared.",
        "period_comparison.sql",
        comparison.with_covered_comparison,
    ),
    MetricName.COMPARISON_BY_PRODUCT: MetricSpec(
        "Business products against the period before",
        "Each business product compared with itself in as many days just before.",
        "Each rated business product that had finished tasks in this period or in the period before, compared with "
        "itself in the period of the same length just before this one; the product with most failed tasks comes "
        "first. The intervals are those of the comparison of all products.",
        "comparison_by_product.sql",
        comparison.with_covered_comparison,
    ),
    MetricName.CONTRIBUTORS: MetricSpec(
        "What changed",
        "The change of the failure rate, split by product: failing more or less often, and more or less volume.",
        "The change of the failure rate against the period before, split exactly. Rate: the product itself failed "
        "more or less often. Mix: more or fewer of all finished tasks came from a product that fails more or less "
        "than the others. Both, over all products, add up to the change (Kitagawa, 1955). For codes: failed tasks "
        "with exactly these codes ÷ all finished tasks, now minus before; these add up to the change too.",
        "contributors.sql",
        comparison.with_covered_effects,
    ),
    MetricName.CHANGE_POINTS: MetricSpec(
        "Changes",
        "Days on which the usual level changed for a week or more, over all data.",
        "Days on which the failure rate changed for a week or more. Expected failures follow the weekday, so a "
        "weekly rhythm is no change. Each search is tested by simulation (circular binary segmentation): a steady "
        "series shows a change in 1 of 100 searches. Before and after reach to the neighbouring changes, with 95 % "
        "Wilson intervals; the change very likely lies between earliest and latest.",
        "change_points.sql",
        change_points.from_daily_counts,
    ),
    MetricName.WEEKDAY_HOUR: MetricSpec(
        "Weekday and hour",
        "The failure rate of the tasks that finished on this weekday in this hour (UTC).",
        "The failure rate of all tasks that finished on this weekday in this hour, both UTC. Cells under the minimum "
        "n are left empty.",
        "weekday_hour.sql",
    ),
    MetricName.COVERAGE: MetricSpec(
        "Reasons known",
        "The share of failed tasks for which Buy with Prime has told us the error.",
        "The share of failed tasks whose errors Buy with Prime has reported. The reasons shown are those of these "
        "tasks.",
        "coverage.sql",
    ),
    MetricName.GAPS: MetricSpec(
        "Gaps",
        "Days without any event, where five or more are usual on that weekday.",
        "Days without a single event of any kind, where the weekday's median over all data is 5 events or more. Days "
        "before the first event and after the newest count too; purged days don't. Only the filters on products and "
        "regions apply.",
        "gaps.sql",
    ),
    MetricName.OPEN_FAILURES: MetricSpec(
        "Open failures",
        "Failed tasks that are neither closed nor replaced by a completed task, by the last day that the law allows.",
        "Tasks that failed in the period; on the overview and the tasks page, those of all time. Open: neither closed "
        "nor replaced by a completed task. Recovered: replaced by one that completed. Closed: settled in another way. "
        "Days left: to the last day that the law allows, 0 on that day, negative when it is over. It is exact when "
        "counted from the shop's receipt; counted from the submission or the failure it is an upper bound, since the "
        "clock started earlier. Weekends and holidays at the end never add a day here, and no extension is taken.",
        "open_failures.sql",
        worklist.open_failures,
    ),
    MetricName.WAITING: MetricSpec(
        "Waiting requests",
        "Requests on the shop's list that are not closed, and whose task has no event yet.",
        "Requests that the shop lists, not closed, whose task has no event yet, at whatever time they were received. "
        "Without a receipt or a lookup the deadline is not known.",
        "waiting.sql",
        worklist.waiting,
    ),
    MetricName.DISCLOSURE: MetricSpec(
        "Yearly disclosure",
        "Requests received, completed and failed, with the days that they took, for the yearly disclosure.",
        "Received: requests that began in the period, by the shop's list, else by the submission where a task was "
        "looked up; a request submitted again counts once. Completed and failed: tasks by the date on which they "
        "finished. Days: from the beginning to completion, over the completed tasks whose beginning is known (timed).",
        "disclosure.sql",
    ),
    MetricName.LOOKUP_STATES: MetricSpec(
        "Where lookups stand",
        "Failed tasks by the newest answer to the question why they failed.",
        "Failed tasks by the state and the reason of their latest lookup; shares are of all failed tasks. Found: the "
        "task's errors are known. Pending, and failed with a time of the next attempt: a later run asks again. Not "
        "found, denied, and failed without such a time: asked about again only on request.",
        "lookup_states.sql",
    ),
}
