"""Adds the guidance to a frame of error codes."""

from __future__ import annotations

import pandas as pd

from bwp_client.metrics.context import MetricContext


def with_guidance(frame: pd.DataFrame, context: MetricContext) -> pd.DataFrame:
    """Return the frame with the columns `class` and `action` (str) of its column `code`."""
    guidance = [context.guidance.for_code(code) for code in frame["code"]]
    return frame.assign(
        **{"class": [item.code_class for item in guidance], "action": [item.action for item in guidance]}
    )
