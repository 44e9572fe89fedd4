"""Adds the guidance to a frame of error codes; where data before the period are missing, a code is ongoing."""

from __future__ import annotations

import pandas as pd

from bwp_client.metrics.comparison import is_period_before_cut
from bwp_client.metrics.context import MetricContext

_COMPARED_STATES = ("new", "returned", "rising")


def with_guidance(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return the frame with the columns `class` and `action` (str) of its column `code`.

    If data are missing at the beginning of the period before, no code is new, returned or rising, but ongoing.
    """
    guidance = [context.guidance.for_code(code) for code in frame["code"]]
    if is_period_before_cut(context.data, context.filters):
        frame = frame.assign(state=frame["state"].where(~frame["state"].isin(_COMPARED_STATES), "ongoing"))
    return frame.assign(
        **{"class": [item.code_class for item in guidance], "action": [item.action for item in guidance]}
    )
