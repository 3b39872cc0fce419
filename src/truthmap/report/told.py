"""What an analysis of maps found, as a small table: the same in the terminal and on the page."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import ValidationError

from truthmap.analyses.diff.measure import LEVEL, MapDifference, MapSide
from truthmap.analyses.labels.run import LabelMaps


class Told(NamedTuple):
    """A table: its columns, and its rows of as many texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tell_labels(found: LabelMaps) -> Told:
    """Tell where each label is read best, and how well."""
    columns = ("label", "answers", "best cell", "AUC on validation", "p", "AUC on test")
    rows = (
        (
            score.label,
            str(score.n),
            f"layer {score.layer}, {score.position}",
            str(score.validation),
            "–" if score.p_value is None else f"{score.p_value:.3f}",
            "–" if score.test is None else str(score.test),
        )
        for score in found.scores
    )
    return Told(columns, tuple(rows))


def tell_difference(result: MapDifference) -> Told:
    """Tell how two maps differ."""
    clearest = f"layer {result.layer}, {result.position}: {result.largest.signed}, corrected p {result.largest_p:.3g}"
    rows = (
        ("first", _side(result.first)),
        ("second", _side(result.second)),
        ("questions in both", str(result.both)),
        ("mean difference", f"{result.mean.signed} over {result.cells} cells"),
        ("significantly higher", f"{result.higher} cells (p ≤ {LEVEL:g}, corrected for all cells)"),
        ("significantly lower", f"{result.lower} cells"),
        ("clearest difference", clearest),
    )
    return Told(("", ""), rows)


def tell_saved(name: str, saved: Any) -> Told | None:
    """Tell what the analysis `name` saved as JSON, if it is one of maps and as it was written; else `None`."""
    try:
        if name == "diff":
            return tell_difference(MapDifference.model_validate(saved))
        if name.startswith("labels-"):
            return tell_labels(LabelMaps.model_validate(saved))
    except ValidationError:
        pass  # the section shows the figure and the cells nevertheless
    return None


def _side(side: MapSide) -> str:
    return f"{side.model} on {side.questions}, {side.site}: {side.answers} answers, {side.right:.0%} right"
