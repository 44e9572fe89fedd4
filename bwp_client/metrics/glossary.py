"""The words of the pages, the reports and the docs, each in a sentence or two."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "Task": "A request to Buy with Prime to delete a shopper's data (deletion), or to send them (retrieval).",
    "Finished task": "A task that failed or completed. A task that did both counts as the later of the two.",
    "Business product": "A shop's integration with Buy with Prime, known by an ID. Its name comes from the settings.",
    "Region": "The AWS region of the event bus that sent the event, which need not be where the shopper lives.",
    "Error code": "The reason that Buy with Prime gives for a failed task. A task can have several.",
    "Reason known": "Buy with Prime was asked about the failed task, and named its error. The event itself names no reason.",
    "Likely range": "The true rate very likely lies in this range (95 % interval). With few tasks, the range is wide.",
    "Higher, lower": "Said only where chance alone is an unlikely reason for the difference (95 % certain).",
    "Unusual": "A day, week or month whose rate lies further from the usual level than luck explains.",
    "Too few": "Fewer finished tasks than the smallest number that is rated, so the counts are shown instead of a rate.",
    "Not rated": "No completed task was ever reported for the product. Its failures are counted, but in no rate.",
    "Partial": "A day, week or month that is not over, or only partly inside the chosen period.",
    "Period before": "As many days as the chosen period, just before it.",
    "New": "A code that was first seen in this period.",
    "Returned": "A code that was seen earlier, but not in the period before.",
    "Rising": "A code with at least 5 tasks more than before, and a clearly larger share of all finished tasks.",
    "Over since": "The product that stood out, and its error code, fail much less often since that day.",
    "Quiet": "A code that was seen earlier, but not in this period.",
    "Ongoing": "Every other code.",
    "Open": "A failed task that is neither closed nor replaced by a task that completed.",
    "Overdue": "Open, and the last day that the law allows is over.",
    "Within 7 days": "Open, and the last day that the law allows is today or at most 7 days away.",
    "Later": "Open, and the last day that the law allows is more than 7 days away.",
    "Days left": "To the last day that the law allows: 0 on that day, negative afterwards.",
    "Exact, estimated": "A deadline is exact if it counts from the day on which the shop received the request. Without that "
    "day it is estimated, and the real deadline can be earlier.",
    "Extended": "The shopper was told before the deadline that it takes longer, which the law allows once.",
    "Recovered": "A failed task that was submitted again, and whose new task completed.",
    "Closed": "A failed task that the shop settled in another way.",
    "Waiting": "A request on the shop's list whose task has no event yet.",
    "Duplicate": "A record that was read before. It is not stored again.",
    "Ignored": "A record that is no event of a data request.",
    "Quarantined": "A record that could not be read. It is kept, scrubbed, until it is read again or removed.",
}
"""The meaning of each word, in the order in which one meets them: data, rates, error codes, the worklist, loading."""
