"""A figure that is drawn once and shown often."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go


class Drawn(go.Figure):  # type: ignore[misc]
    """A figure that is not changed any more: what it consists of is copied out of it only once."""

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        self._parts: dict[str, Any] = super().to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Give its data and layout; they are shared and must not be changed."""
        return self._parts
