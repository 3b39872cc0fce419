"""The one look at the test part."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from truthmap.errors import NotEnoughDataError
from truthmap.metrics.auc import auc_many, round_scores
from truthmap.probes.cross_validation import usable
from truthmap.probes.grid import Cell, Grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers, LayerSource
from truthmap.probes.linear import LinearProbe, fit_probe
from truthmap.probes.paper_protocol import fit_paper_protocol, held_out, ignore_convergence_warnings


@dataclass(frozen=True)
class TestScore:
    """How the chosen cell does on answers that chose nothing.

    Attributes:
        cell: The cell.
        probe: Its probe, refitted on train + validation.
        auc, low, high: On the test answers that have the position.
        scores: Log-odds of being right, by question id.
    """

    __test__ = False  # not a test case, whatever its name looks like

    cell: Cell
    probe: LinearProbe
    auc: float
    low: float
    high: float
    scores: dict[str, float]


def score_on_test(
    source: LayerSource, labels: LabelledAnswers, grid: Grid, cell: Cell, settings: GridSettings
) -> TestScore:
    """Refit a cell's probe on train + validation, with the C chosen there, and score the test part once.

    Raises:
        NotEnoughDataError: the test answers that have the position are all right, or all wrong.
    """
    their_way = settings.protocol == "study"
    seen, unseen = labels.of(test=False), labels.of(test=True)
    training = source.read_cell(cell.site, cell.layer, cell.position, seen.ids)
    here = usable(training.states[0], training.present[0])
    if their_way:
        here &= ~held_out(seen, settings.seed)
    states, right = training.states[0][here], seen.y[here]
    with ignore_convergence_warnings() if their_way else nullcontext():
        c = float(grid.c[grid.index(cell)])
        probe = fit_paper_protocol(states, right) if their_way else fit_probe(states, right, c)
    testing = source.read_cell(cell.site, cell.layer, cell.position, unseen.ids)
    there = usable(testing.states[0], testing.present[0])
    y = unseen.y[there]
    if y.all() or not y.any():
        raise NotEnoughDataError(
            f"the test part has {int(y.sum())} right of {len(y)} answers with the position {cell.position}: "
            "an AUC needs both; ask more questions"
        )
    scores = probe.score(testing.states[0][there].double().numpy())
    found = auc_many(round_scores(scores[None]), y, settings.confidence)
    ids = [i for i, present in zip(unseen.ids, there, strict=True) if present]
    auc, low, high = float(found.auc[0]), float(found.low[0]), float(found.high[0])
    return TestScore(cell, probe, auc, low, high, dict(zip(ids, scores.tolist(), strict=True)))
