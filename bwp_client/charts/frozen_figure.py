"""A Plotly figure that is drawn once and shown many times."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go


class FrozenFigure(go.Figure):  # type: ignore[misc]
    """An immutable figure. `to_dict()` is computed once, because Streamlit calls it on every rerun."""

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        self._frozen: dict[str, Any] = super().to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return the data and the layout; both are shared and must not be changed."""
        return self._frozen
