"""When does it know: the AUC along the thought, against its share and against its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from truthmap.analyses.thought.measure import ThoughtMap, ThoughtPlace, step_of_thought
from truthmap.figures.canvas import new_axes, new_figure
from truthmap.metrics.estimate import Estimate

_PROBE, _TEXT, _NAMED = "#08519c", "#c2570c", "0.45"
_SIZE = (6.4, 4.0)


def thought_figure(result: ThoughtMap) -> Figure:
    """Draw all: against the share of the thought, against its tokens, and at its steps where the map has any."""
    kinds = [draw_by_share, draw_by_token, *([draw_by_step] if result.by_step else [])]
    figure = new_figure(len(kinds) * _SIZE[0], _SIZE[1] + 0.4)
    for draw, axes in zip(kinds, figure.subplots(1, len(kinds)), strict=True):
        draw(result, axes)
    figure.suptitle(f"{result.model} on {result.questions}: when does it know whether its final answer will be right?")
    return figure


def draw_by_share(result: ThoughtMap, axes: Axes | None = None) -> Axes:
    """Draw the AUC against the share of the thought, with what is named so far."""
    axes = new_axes(*_SIZE) if axes is None else axes
    places = result.by_share
    shares = [100 * (place.share or 0.0) for place in places]
    _draw(axes, shares, places)
    named = [(x, p.said.named) for x, p in zip(shares, places, strict=True) if p.said is not None]
    if named:
        axes.plot(
            *zip(*named, strict=True), color=_NAMED, linestyle=":", label="share that names an answer, if it ended here"
        )
    for estimate, x, label in ((result.before, -6.0, "prompt"), (result.after, 107.0, "final part")):
        if estimate is not None:
            _point(axes, x, estimate, label)
    axes.set_xlim(-13, 116)
    axes.set_xlabel("Share of the thought (%)")
    _finish(axes)
    return axes


def draw_by_token(result: ThoughtMap, axes: Axes | None = None) -> Axes:
    """Draw the AUC against the tokens of the thought, with how many answers still think there."""
    axes = new_axes(*_SIZE) if axes is None else axes
    places = result.by_token
    tokens = [place.tokens for place in places]
    _draw(axes, tokens, places)
    if tokens:
        axes.set_xscale("log", base=2)
        axes.set_xticks(tokens, [f"{int(t)}\n({p.n})" for t, p in zip(tokens, places, strict=True)], fontsize="small")
        axes.minorticks_off()
    axes.set_xlabel("Tokens of the thought (answers that still think)")
    _finish(axes)
    return axes


def draw_by_step(result: ThoughtMap, axes: Axes | None = None) -> Axes:
    """Draw the AUC at the end of each step of the thought, with how many answers still think there."""
    axes = new_axes(*_SIZE) if axes is None else axes
    places = result.by_step
    steps = [1.0 + (step_of_thought(place.position) or 0) for place in places]
    _draw(axes, steps, places)
    if steps:
        axes.set_xticks(steps, [f"{int(k)}\n({p.n})" for k, p in zip(steps, places, strict=True)], fontsize="small")
    axes.set_xlabel("End of step (answers that still think)")
    _finish(axes)
    return axes


def _draw(axes: Axes, x: Sequence[float], places: Sequence[ThoughtPlace]) -> None:
    axes.axhline(0.5, color="0.6", linestyle=":", linewidth=1)
    if not places:
        axes.text(0.5, 0.5, "no such places on this map", transform=axes.transAxes, ha="center")
        return
    text = [None if place.text is None else place.text.test for place in places]
    _line(axes, x, [place.test for place in places], _PROBE, "o-", "probe")
    _line(axes, x, text, _TEXT, "s--", "text alone: question and thought so far")


def _line(axes: Axes, x: Sequence[float], found: Sequence[Estimate | None], color: str, style: str, label: str) -> None:
    known = [(place, estimate) for place, estimate in zip(x, found, strict=True) if estimate is not None]
    if not known:
        return
    at = [place for place, _ in known]
    low, high = (np.array([getattr(estimate, end) for _, estimate in known]) for end in ("low", "high"))
    axes.fill_between(at, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(at, [estimate.value for _, estimate in known], style, color=color, markersize=4, label=label)


def _point(axes: Axes, x: float, estimate: Estimate, label: str) -> None:
    low, high = estimate.value - estimate.low, estimate.high - estimate.value
    axes.errorbar([x], [estimate.value], yerr=[[low], [high]], fmt="D", color=_PROBE, markersize=5, capsize=2)
    axes.annotate(
        label, (x, estimate.low), xytext=(0, -4), textcoords="offset points", ha="center", va="top", fontsize="small"
    )


def _finish(axes: Axes) -> None:
    axes.set_ylim(0.0, 1.02)
    axes.set_ylabel("AUC on test, with 95 % intervals")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", frameon=False, fontsize="small")
