"""Probes on a peer's states, held against the run's own: what a stranger reads of the same answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.analyses.controls.base import ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlCurve, ControlPoint, ControlReading, against, has_enough
from truthmap.analyses.controls.peers import PeerStates
from truthmap.analyses.controls.readers import OtherReader, held_against, read_by_others
from truthmap.analyses.probing import FittedProbe, StatesAtCell, fit_cell_probe
from truthmap.arrays import Floats
from truthmap.metrics.auc import auc_values, round_scores
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.paired_auc import auc_gain
from truthmap.records import Outcome, RowKey

DISAGREE = "where the two disagree"


@dataclass(frozen=True)
class PeerFit:
    """A peer's probes.

    Attributes:
        reader: Its best layer on train + validation.
        layer: Which that is.
        n_layers: L of the peer.
        by_layer: For each layer the out-of-fold scores of train + validation, by row.
        left_out: Rows that the peer could not read.
    """

    reader: OtherReader
    layer: int
    n_layers: int
    by_layer: tuple[Mapping[RowKey, float], ...]
    left_out: int


def fit_peer(context: ControlContext, read: PeerStates, name: str) -> PeerFit:
    """Fit a probe to each layer of a peer, as the run's own were fitted; take the best by cross-validation.

    Raises:
        NotEnoughDataError: the rows that it could read lack an outcome in a training part.
    """
    place = {row: n for n, row in enumerate(read.ids)}
    seen = context.seen.take(np.array([row in place for row in context.seen.ids], dtype=bool))
    rows = [place[row] for row in seen.ids]
    fits: list[FittedProbe] = []
    with context.progress.stage(f"Fitting probes to {name}", len(read.states)) as advance:
        for layer, states in enumerate(read.states):
            at = StatesAtCell(seen.ids, states[rows], seen.y, seen.fold, seen.group)
            fits.append(fit_cell_probe(at, context.fitting.cs))
            advance(layer + 1)
    aucs = auc_values(round_scores(np.stack([fit.out_of_fold for fit in fits])), seen.y)
    best = int(np.argmax(aucs))
    tested = [row for row in context.tested.ids if row in place]
    unseen = read.states[best][[place[row] for row in tested]].double().numpy()
    reader = OtherReader(
        f"{name}, layer {best}",
        dict(zip(seen.ids, fits[best].out_of_fold.tolist(), strict=True)),
        dict(zip(tested, fits[best].probe.score(unseen).tolist(), strict=True)),
    )
    by_layer = tuple(dict(zip(seen.ids, fit.out_of_fold.tolist(), strict=True)) for fit in fits)
    return PeerFit(reader, best, len(fits), by_layer, read.left_out)


def told(
    context: ControlContext,
    fits: Sequence[PeerFit],
    who: str,
    meaning: str,
    outcomes: Mapping[str, Mapping[RowKey, Outcome]] | None = None,
) -> ControlResult:
    """Return what peers say of the probe: the one that reads best on train + validation counts.

    Args:
        context: The run.
        fits: The peers.
        who: What reads, at the start of the sentence.
        meaning: What the part that both read could be.
        outcomes: By the name of a reader, whether the peer's own answers are right.

    Raises:
        NotEnoughDataError: no peer scores enough test rows of either outcome.
    """
    outcomes = outcomes or {}
    readings = read_by_others(context, [fit.reader for fit in fits])
    disagreeing = [r for fit in fits if (r := _where_they_disagree(context, fit.reader, outcomes)) is not None]
    facts = facts_of(fits)
    result = held_against(readings, who, meaning, facts)
    says = result.says
    if disagreeing and disagreeing[0].left is not None:
        says += (
            f" {DISAGREE.capitalize()} (n = {disagreeing[0].value.n:,}) it leads by {disagreeing[0].left.short_signed}."
        )
    elif outcomes:
        says += f" There are too few test answers {DISAGREE} to say more of those."
    curves = [curve for fit in fits for curve in gaps(context, fit, outcomes.get(fit.reader.name))]
    return ControlResult(result.verdict, says, (*readings, *disagreeing), tuple(curves), facts)


def facts_of(fits: Sequence[PeerFit]) -> tuple[tuple[str, str], ...]:
    """Return how many rows each peer could not read, of those that could not read all."""
    return tuple((f"rows that {fit.reader.name} could not read", f"{fit.left_out:,}") for fit in fits if fit.left_out)


def _where_they_disagree(
    context: ControlContext, reader: OtherReader, outcomes: Mapping[str, Mapping[RowKey, Outcome]]
) -> ControlReading | None:
    """Return the reading on the test rows whose outcome differs between the two models; `None` where they are few."""
    theirs = outcomes.get(reader.name)
    if theirs is None:
        return None
    tested = context.tested
    right = dict(zip(tested.ids, tested.y.tolist(), strict=True))
    chosen = np.array([row in reader.test and _differs(right[row], theirs.get(row)) for row in tested.ids], dtype=bool)
    rows = tested.take(chosen)
    if not has_enough(rows.y, rows.group):
        return None
    scores = np.array([reader.test[row] for row in rows.ids], dtype=np.float64)
    return against(
        f"where {reader.name.rpartition(',')[0]} disagrees", scores, context.probe[chosen], rows.y, rows.group
    )


def _differs(right: bool, theirs: Outcome | None) -> bool:
    return theirs in (Outcome.RIGHT, Outcome.WRONG) and (theirs is Outcome.RIGHT) != right


def gaps(context: ControlContext, fit: PeerFit, theirs: Mapping[RowKey, Outcome] | None) -> list[ControlCurve]:
    """Return the lead of the run's own probes over the peer's, layer by layer, on the rows of train + validation.

    Layers at the same share of the depth are held against each other.
    """
    if not context.data.has_out_of_fold:
        return []
    kinds: list[tuple[str, Mapping[RowKey, Outcome] | None]] = [("the lead over the peer, layer by layer", None)]
    if theirs is not None:
        kinds.append((f"the lead {DISAGREE}, layer by layer", theirs))
    own = context.data.out_of_fold(context.cell.site)
    depth = len(own.scores)
    curves = []
    for name, outcomes in kinds:
        points = []
        for layer, scores in enumerate(fit.by_layer):
            same = round(layer * (depth - 1) / max(fit.n_layers - 1, 1))
            ours = own.at(type(context.cell)(context.cell.site, same, context.cell.position))
            lead = _lead(context, ours, scores, outcomes)
            if lead is not None:
                points.append(ControlPoint(at=layer, value=lead))
        if points:
            along = f"layer of {fit.reader.name.rpartition(',')[0]}"
            curves.append(ControlCurve(name=name, along=along, of="lead in AUC", points=tuple(points)))
    return curves


def _lead(
    context: ControlContext,
    ours: Mapping[RowKey, float],
    theirs: Mapping[RowKey, float],
    outcomes: Mapping[RowKey, Outcome] | None,
) -> Estimate | None:
    seen = context.seen
    right = dict(zip(seen.ids, seen.y.tolist(), strict=True))
    chosen = np.array(
        [
            row in ours and row in theirs and (outcomes is None or _differs(right[row], outcomes.get(row)))
            for row in seen.ids
        ],
        dtype=bool,
    )
    rows = seen.take(chosen)
    if not has_enough(rows.y, rows.group):
        return None
    return auc_gain(_values(ours, rows.ids), _values(theirs, rows.ids), rows.y, rows.group)


def _values(scores: Mapping[RowKey, float], rows: Sequence[RowKey]) -> Floats:
    return np.array([scores[row] for row in rows], dtype=np.float64)
