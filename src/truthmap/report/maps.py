"""The maps of a run: joined by id from its records, and packed as small JSON for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from truthmap.arrays import AnyArray
from truthmap.metrics.curves import CellDetails, DetailSettings, Examples, at_shares
from truthmap.positions import Position, column_of, each_once, runs_of
from truthmap.records import Outcome, RowKey, Site, Span
from truthmap.report.sanitize import cut, marked
from truthmap.runs.data import RunData

_NO_COLUMNS = frozenset({"site", "layer", "position", "gap"})
_MANY_CELLS = 1500
_MOST_DETAILED = 3000
_COARSE = DetailSettings(roc_points=21, bins=10, groups=8, examples=2)
_TEXT_BUDGET = 600_000  # characters of questions and answers in the page
_TEXT_LIMITS = (500, 300, 160, 80, 40)


@dataclass(frozen=True)
class SiteScores:
    """Out-of-fold scores in every cell of a site.

    Attributes:
        ids: Keys of the n scored rows of train + validation.
        log_odds: float32 (L, P, n), of being right; NaN where an answer lacks the position or a cell has no probe.
        y: bool (n,), whether the answer is right.
        group: What belongs together, n names; `None`: every answer stands for itself.
    """

    ids: tuple[RowKey, ...]
    log_odds: AnyArray
    y: AnyArray
    group: tuple[str, ...] | None = None

    def cell(self, layer: int, column: int) -> CellDetails:
        """Return one cell's scores."""
        return CellDetails.present(self.ids, self.log_odds[layer, column], self.y, self.group)


@dataclass(frozen=True)
class SiteMap:
    """One site's map.

    Attributes:
        site: What was read.
        positions: What axis P holds.
        columns: Name → (L, P) array: `auc`, `low`, `high`, `n`, `C`, `converged` and whatever else is known.
        scores: Out-of-fold scores, or `None` where the run kept none.
    """

    site: Site
    positions: tuple[Position, ...]
    columns: Mapping[str, AnyArray]
    scores: SiteScores | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """How many layers and positions there are."""
        n_layers, n_positions = self.columns["auc"].shape
        return n_layers, n_positions


@dataclass(frozen=True)
class ShownAnswer:
    """An answer as the page may show it: untrusted text and its grade."""

    question: str
    answer: str
    span: Span | None
    outcome: Outcome
    accepted: str
    why: str


@dataclass
class _Table:
    """The answers that cells refer to, each kept once, by its place."""

    places: dict[RowKey, int] = field(default_factory=dict)

    def place(self, row: RowKey) -> int:
        return self.places.setdefault(row, len(self.places))


def site_maps(data: RunData) -> tuple[SiteMap, ...]:
    """Return the map of every site, the best cell's first."""
    best = data.summary.site
    return tuple(site_map(data, site) for site in sorted(data.sites, key=lambda site: (site != best, site)))


def site_map(data: RunData, site: Site) -> SiteMap:
    """Return one site's map with the out-of-fold scores, if there are any."""
    return replace(site_columns(data, site), scores=site_scores(data, site))


def site_columns(data: RunData, site: Site) -> SiteMap:
    """Return one site's map: every column that grid.parquet has of it, without the scores."""
    cells = data.cells
    frame = cells[cells["site"] == str(site)]
    positions = each_once(frame.sort_index()["position"])
    frame = frame.assign(column=frame["position"].map({str(p): n for n, p in enumerate(positions)}))
    frame = frame.sort_values(["layer", "column"])
    shape = (int(frame["layer"].max()) + 1, len(positions))
    numeric = [name for name in frame.columns if name not in _NO_COLUMNS and frame[name].dtype.kind in "biuf"]
    # A control that was not computed is NaN everywhere.
    known = [name for name in numeric if name != "column" and frame[name].notna().any()]
    columns = {name: frame[name].to_numpy().reshape(shape) for name in known}
    return SiteMap(site, positions, columns)


def site_scores(data: RunData, site: Site) -> SiteScores | None:
    """Return a site's out-of-fold scores with their labels, joined by row; `None` where the run kept none."""
    if not data.has_out_of_fold:
        return None
    found = data.out_of_fold(site)
    right = [data.grade_of(i).outcome is Outcome.RIGHT for i in found.ids]
    group = dict(zip(data.labels.ids, data.labels.group, strict=True))
    return SiteScores(found.ids, found.scores, np.array(right, dtype=bool), tuple(group[i] for i in found.ids))


def shown_answers(data: RunData) -> Mapping[RowKey, ShownAnswer]:
    """Return the scored answers with their questions and grades, by row."""
    return {
        grade.key: ShownAnswer(
            data.question_of(grade.key).text,
            data.answer_of(grade.key).text,
            grade.span,
            grade.outcome,
            ", ".join(data.question_of(grade.key).accepted[:1]),
            grade.why,
        )
        for grade in data.grades
        if grade.outcome is not Outcome.UNSCORED
    }


def pack_maps(
    maps: Sequence[SiteMap], answers: Mapping[RowKey, ShownAnswer], best: tuple[Site, int, Position]
) -> dict[str, Any]:
    """Pack the maps of a run.

    Args:
        maps: One map for each site, all of the same positions.
        answers: The answers by row.
        best: Site, layer and position of the chosen cell.

    Returns:
        Plain data. With more than 1,500 cells the curves are coarser, and beyond 3,000 only the cells with the highest
        AUC have any, so that a page stays a few megabytes whatever the model's size.
    """
    total = sum(site_map.columns["auc"].size for site_map in maps)
    settings = _COARSE if total > _MANY_CELLS else DetailSettings()
    least = _least_detailed(maps)
    table = _Table()
    sites = [
        {
            "site": str(site_map.site),
            "layers": site_map.shape[0],
            "columns": {name: _numbers(values) for name, values in site_map.columns.items()},
            "cells": _pack_cells(site_map, settings, least, table),
        }
        for site_map in maps
    ]
    site, layer, position = best
    (positions,) = {site_map.positions for site_map in maps}
    return {
        "positions": [str(p) for p in positions],
        "groups": [
            {"group": str(group), "from": start, "to": end - 1, "box": group.boxed}
            for group, start, end in runs_of(positions)
        ],
        "sites": sites,
        "best": {"site": str(site), "layer": layer, "column": column_of(positions, position)},
        "answers": _pack_answers([answers[i] for i in table.places]),
    }


def _least_detailed(maps: Sequence[SiteMap]) -> float:
    """Return the AUC below which cells get no curves, so that at most `_MOST_DETAILED` have some."""
    auc = np.concatenate([site_map.columns["auc"].ravel() for site_map in maps])
    auc = np.sort(auc[np.isfinite(auc)])[::-1]
    return float(auc[_MOST_DETAILED - 1]) if len(auc) > _MOST_DETAILED else -np.inf


def _pack_cells(
    site_map: SiteMap, settings: DetailSettings, least: float, table: _Table
) -> list[dict[str, Any] | None] | None:
    """Pack each cell's curves and examples, in the order of the flattened map; `None` where there are no scores."""
    if site_map.scores is None:
        return None
    auc = site_map.columns["auc"]
    return [
        _pack_cell(site_map.scores.cell(layer, column), settings, table) if auc[layer, column] >= least else None
        for layer, column in np.ndindex(*site_map.shape)
    ]


def _pack_cell(scores: CellDetails, settings: DetailSettings, table: _Table) -> dict[str, Any] | None:
    """Pack one cell; shares and probabilities are thousandths."""
    if not len(scores.y) or scores.y.all() or not scores.y.any():
        return None
    histogram = scores.histogram(settings.bins)
    calibration = scores.calibration(settings.groups)
    low, high = calibration.interval()
    share = calibration.right / calibration.n
    return {
        "roc": _thousandths(at_shares(scores.roc(), settings.roc_points)),
        "right": histogram.right.tolist(),
        "wrong": histogram.wrong.tolist(),
        "calibration": [_thousandths(row) for row in (calibration.predicted, share, low, high)],
        "examples": _pack_examples(scores, scores.examples(settings.examples), table),
    }


def _pack_examples(scores: CellDetails, examples: Examples, table: _Table) -> list[list[list[int]]]:
    """Pack the four lists of examples, each entry the answer's place and its predicted probability."""
    wanted = {i for group in vars(examples).values() for i in group}
    probability = {
        i: round(float(p) * 1000) for i, p in zip(scores.ids, scores.probability, strict=True) if i in wanted
    }
    return [[[table.place(i), probability[i]] for i in group] for group in vars(examples).values()]


def _pack_answers(answers: Sequence[ShownAnswer]) -> list[dict[str, Any]]:
    """Pack the answers' texts, the longer the fewer there are."""
    for limit in _TEXT_LIMITS:
        packed = [_pack_answer(answer, limit) for answer in answers]
        if sum(len(answer["q"]) + sum(map(len, answer["a"])) + len(answer["g"]) for answer in packed) <= _TEXT_BUDGET:
            break
    return packed


def _pack_answer(answer: ShownAnswer, limit: int) -> dict[str, Any]:
    text = marked(answer.answer, answer.span, limit)
    return {
        "q": cut(answer.question, limit),
        "a": [text.before, text.marked, text.after],
        "o": str(answer.outcome),
        "g": cut(answer.accepted, 80),
        "w": cut(answer.why, 120),
    }


def _numbers(values: AnyArray) -> list[float | int | bool | None]:
    """Return an array as a flat list of short numbers; what is not finite becomes `None`."""
    if values.dtype.kind in "biu":
        kept: list[float | int | bool | None] = values.ravel().tolist()
        return kept
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.ravel().tolist()]


def _thousandths(values: AnyArray) -> list[int]:
    scaled: list[int] = np.round(values * 1000).astype(int).tolist()
    return scaled
