"""Every metric: what it is called, and what its number means, in the words of the screen and the docs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

KNOWN_SHARE = 0.95
"""Of the failed and of the completed tasks, how many have to be looked up for a rate by submission."""


class MetricName(StrEnum):
    """Every metric; each has a SQL file of the same name."""

    FAILURE_RATE = "failure_rate"
    SUBMISSION_RATE = "submission_rate"
    ERROR_CODES = "error_codes"
    ERROR_CODES_OVER_TIME = "error_codes_over_time"
    CODE_SETS = "code_sets"
    TIME_TO_OUTCOME = "time_to_outcome"
    PERIOD_COMPARISON = "period_comparison"
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
class Metric:
    """What a metric is called on screen and what its number means."""

    title: str
    meaning: str


METRICS: dict[MetricName, Metric] = {
    MetricName.FAILURE_RATE: Metric(
        "Failure rate",
        "Failed tasks ÷ (failed + completed tasks), by the date of the outcome. The range is the 95 % Wilson interval: "
        "with so few or so many outcomes, the true rate lies in it 19 times of 20. Failures can come within seconds and "
        "completions after 40 days, so a surge of requests alone can move the rate. Under the minimum n only counts are "
        "shown.",
    ),
    MetricName.SUBMISSION_RATE: Metric(
        "Failure rate by submission",
        "Failed tasks ÷ (failed + completed tasks), by the date on which they were submitted, whenever they ended: a surge "
        "of requests alone leaves it as it is. Only looked-up tasks have a submission, so a period is rated only when "
        f"{KNOWN_SHARE * 100:.0f} % of the failed and of the completed tasks that ended since it began were looked up; "
        "completed ones are looked up by enrich --completed alone. Partial: some of its tasks may still be running, since "
        "1 in 100 completed ones took longer than there was time. What fails comes first, so such a rate begins too high. "
        "The range is the 95 % Wilson interval.",
    ),
    MetricName.ERROR_CODES: Metric(
        "Error codes",
        "Failed tasks by the error code that Buy with Prime gives. A task with two codes counts under each; shares are of "
        "all failed tasks. New: first seen in this period. Returned: seen earlier, but not in the period before. Rising: "
        "at least 5 more tasks than in the period before, a share of all outcomes at least half as high again, and more "
        "than luck explains 19 times of 20. A surge of requests lets codes rise until its completions are in. Quiet: seen "
        "earlier, not in this period. Ongoing: everything else. Where the data begin too late to tell, or less than "
        f"{KNOWN_SHARE * 100:.0f} % of the failures before were looked up, a code is ongoing; where less of this period's "
        "were, none is quiet.",
    ),
    MetricName.ERROR_CODES_OVER_TIME: Metric(
        "Error codes over time",
        "Failed tasks by error code and date of the outcome. A task with two codes counts under each.",
    ),
    MetricName.CODE_SETS: Metric(
        "Codes that come together",
        "Failed tasks by all the codes that each one has. Each task counts once, so the shares add up to the whole.",
    ),
    MetricName.TIME_TO_OUTCOME: Metric(
        "Time to outcome",
        "From submission, as Buy with Prime tells it, to the event that says how the task ended. Half of the tasks took "
        "no longer than the median, 9 of 10 no longer than the 90th percentile, 99 of 100 no longer than the 99th, which "
        "needs 100 tasks. Only looked-up tasks count: completed ones are looked up by enrich --completed alone.",
    ),
    MetricName.PERIOD_COMPARISON: Metric(
        "Against the period before",
        "The failure rate of this period minus that of the period of the same length just before it, with Newcombe's "
        "95 % interval. It is called higher or lower only when that interval leaves out zero.",
    ),
    MetricName.CONTRIBUTORS: Metric(
        "What changed",
        "The change of the failure rate against the period before, split exactly. Rate: the product itself failed more or "
        "less often. Mix: more or fewer of all outcomes came from a product that fails more or less than the others. Both, "
        "over all products, add up to the change (Kitagawa, 1955). For codes: failed tasks with exactly these codes ÷ all "
        "outcomes, now minus before; these add up to the change too.",
    ),
    MetricName.CHANGE_POINTS: Metric(
        "Changes",
        "Days from which on the failure rate was another for a week or more. Expected failures follow the weekday, so a "
        "weekly rhythm is no change. Each search is tested by simulation (circular binary segmentation): a steady series "
        "shows a change in 1 of 100 searches. Before and after reach to the neighbouring changes, with 95 % Wilson "
        "intervals; the change very likely lies between earliest and latest.",
    ),
    MetricName.WEEKDAY_HOUR: Metric(
        "Weekday and hour",
        "The failure rate of all outcomes that came on this weekday in this hour, both UTC. Cells under the minimum n are "
        "left empty.",
    ),
    MetricName.COVERAGE: Metric(
        "Lookup coverage",
        "The share of failed tasks whose errors Buy with Prime has told us. The reasons shown speak for these only.",
    ),
    MetricName.GAPS: Metric(
        "Gaps",
        "Days without a single event of any kind, where this weekday has 5 or more at the median over all data. Products "
        "and regions narrow it; task kind and codes do not.",
    ),
    MetricName.OPEN_FAILURES: Metric(
        "Open failures",
        "Tasks that failed in the period. Open: neither closed nor replaced by a completed task. Recovered: replaced by one "
        "that completed. Closed: settled in another way. Days left: to the last day that the law allows, 0 on that day, "
        "negative when it is over. It is exact when counted from the shop's receipt; counted from the submission or the "
        "failure it is an upper bound, since the clock started earlier. Weekends and holidays at the end never add a day "
        "here, and no extension is taken.",
    ),
    MetricName.WAITING: Metric(
        "Waiting requests",
        "Requests that the shop lists, not closed, whose task has no event yet, whenever they were received. Without a "
        "receipt or a lookup there is no deadline to tell.",
    ),
    MetricName.DISCLOSURE: Metric(
        "Yearly disclosure",
        "Received: requests that began in the period, by the shop's list, else by the submission where a task was looked "
        "up; one submitted again counts once. Completed and failed: tasks by the date of the outcome. Days: from the "
        "beginning to completion, over the completed tasks whose beginning is known (timed).",
    ),
    MetricName.LOOKUP_STATES: Metric(
        "Where lookups stand",
        "Failed tasks by what asking Buy with Prime about them came to, and why; shares are of all failed tasks. Found: its "
        "errors are known. Pending, and failed with a time to ask again: asked about again by a later run. Not found, "
        "denied, and failed without such a time: not asked about again unless told so.",
    ),
}
