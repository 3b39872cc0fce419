"""A detector's two figures: what is wrong among the answers let through, and whether P(wrong) means what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from truthmap.detector.config import HeadConfig


def draw_risk_coverage(head: HeadConfig, axes: Axes | None = None) -> Axes:
    """Draw the share of wrong answers among those let through, over the share let through, on the test part.

    Each promise that is kept is a dot with the bound it guarantees.

    Args:
        head: The head's saved numbers.
        axes: Where to draw; by default a new figure is made.
    """
    from truthmap.detector.guarantee import Risk

    axes = _new_axes() if axes is None else axes
    coverage = [point.coverage for point in head.risk_coverage]
    axes.plot(coverage, [point.wrong for point in head.risk_coverage], color="#08519c", label="wrong on test")
    kept = [p for p in head.guarantees if p.kept and p.risk is Risk.SELECTIVE_RISK]
    for guarantee in {p.limit: p for p in kept}.values():
        axes.plot([0, guarantee.coverage], [guarantee.limit] * 2, color="0.4", linestyle=":", linewidth=1)
        axes.plot(guarantee.coverage, guarantee.hits / guarantee.tested, "o", color="#08519c")
        axes.annotate(
            f"at most {guarantee.limit:.0%} wrong\n({guarantee.confidence:.0%} confidence)",
            (guarantee.coverage, guarantee.limit),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    axes.set_xlabel("Share of answers let through")
    axes.set_ylabel("Share of those that are wrong")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False)
    return axes


def draw_reliability(head: HeadConfig, axes: Axes | None = None) -> Axes:
    """Draw the share of wrong answers over P(wrong), a dot for each tenth of the test answers.

    The bars are 95 % intervals (Wilson) of what such a share of so few answers can tell.

    Args:
        head: The head's saved numbers.
        axes: Where to draw; by default a new figure is made.
    """
    axes = _new_axes() if axes is None else axes
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="as promised")
    bins = head.reliability.bins
    shares = [b.wrong for b in bins]
    bounds = [_wilson(b.wrong, b.n) for b in bins]
    errors = [
        [share - low for share, (low, _) in zip(shares, bounds, strict=True)],
        [high - share for share, (_, high) in zip(shares, bounds, strict=True)],
    ]
    axes.errorbar(
        [b.p_wrong for b in bins], shares, yerr=errors, fmt="o", color="#08519c", capsize=3, label="test answers"
    )
    axes.set_xlabel("P(wrong)")
    axes.set_ylabel("Share that is wrong")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(loc="upper left", frameon=False)
    return axes


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = 1.959964
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def _new_axes() -> Axes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()
