"""The map as an interactive figure, for notebooks: each cell says its numbers where the pointer is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from truthmap.arrays import AnyArray
from truthmap.positions import Position, runs_of
from truthmap.text import sanitize

_BLUES = [[0, "#deebf7"], [0.2, "#c1d9ed"], [0.4, "#88bedc"], [0.6, "#539ecd"], [0.8, "#2171b5"], [1, "#08306b"]]
_GREY = "#8a8f98"  # of letters: it reads on dark pages and on light ones
_MISSING = "rgba(138,143,152,0.25)"


class InlineFigure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A Plotly figure with a plain picture beside it, for pages that draw no Plotly: nbconvert's, GitHub's.

    Attributes:
        plain: That picture, HTML without scripts.
    """

    plain = ""
    _ipython_display_ = None  # Plotly's own shows one format alone

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **rest: Any) -> dict[str, Any]:
        """Return what Plotly's own renderer shows, and the plain picture where that has no HTML."""
        return {"text/html": self.plain, **super()._repr_mimebundle_(include, exclude, **rest)}


def interactive_map(
    auc: AnyArray,
    positions: Sequence[Position],
    notes: AnyArray,
    *,
    title: str = "",
    best: tuple[int, int] | None = None,
    plain: str = "",
) -> InlineFigure:
    """Return the map of a grid as a Plotly figure, on a background that lets the page shine through.

    Args:
        auc: float (L, P), the AUC of each cell; NaN is left empty.
        positions: What the columns are, P of them.
        notes: Texts (L, P): what is said of each cell.
        title: A line above the map.
        best: Layer and column of the best cell, which is marked with a star.
        plain: HTML of the same map for pages that draw no Plotly.
    """
    n_layers, n_positions = auc.shape
    names = [_safe(str(position)) for position in positions]
    heat = go.Heatmap(
        z=auc, x=list(range(n_positions)), y=list(range(n_layers)), zmin=0.5, zmax=1.0, colorscale=_BLUES, xgap=1,
        ygap=1, text=[[_safe(note) for note in row] for row in notes.tolist()], hovertemplate="%{text}<extra></extra>",
        hoverongaps=True, colorbar={"title": {"text": "AUC"}, "outlinewidth": 0},
    )  # fmt: skip
    figure = InlineFigure([heat])
    figure.plain = plain
    if best is not None:
        star = {"symbol": "star", "size": 12, "color": "#ffd92f", "line": {"color": "black", "width": 1}}
        figure.add_scatter(x=[best[1]], y=[best[0]], mode="markers", marker=star, hoverinfo="skip", showlegend=False)
    for group, start, end in runs_of(positions):
        if group.boxed is not None:
            figure.add_shape(_box(start, end, n_layers))
    axis: dict[str, Any] = {"showgrid": False, "zeroline": False}
    figure.update_layout(
        title={"text": _safe(title)} if title else None, height=180 + 18 * n_layers, font={"color": _GREY},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor=_MISSING,
        margin={"l": 60, "r": 20, "t": 60 if title else 20, "b": 110},
        xaxis={
            **axis, "title": {"text": "Token"}, "tickangle": -45,
            "tickvals": list(range(n_positions)), "ticktext": names,
        },
        yaxis={**axis, "title": {"text": "Layer"}, "range": [n_layers - 0.5, -0.5], "dtick": 2, "tick0": 0},
    )  # fmt: skip
    return figure


def _box(start: int, end: int, n_layers: int) -> dict[str, Any]:
    return {
        "type": "rect", "x0": start - 0.5, "x1": end - 0.5, "y0": -0.5, "y1": n_layers - 0.5,
        "line": {"color": _GREY, "width": 2.5},
    }  # fmt: skip


def _safe(text: str) -> str:
    """Return a text of which Plotly takes nothing for its own markup."""
    return escape(sanitize(text, with_formats=True), quote=False).replace("\n", "<br>")
