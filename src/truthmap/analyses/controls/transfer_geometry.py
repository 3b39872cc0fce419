"""Whether the probes of several sets read one direction: cosines against transfer, and what is left without it.

"The Truthfulness Spectrum Hypothesis" (Ying et al., arXiv 2602.20273) reports that the cosine of two probes' directions
in the metric of the target's covariance Σ, wᵀΣw' / √(wᵀΣw · w'ᵀΣw'), nearly says how well the one does where the other
was trained (R² 0.98); "Comparing Linear Probes with Mahalanobis Cosine Similarity" (Ying et al., arXiv 2606.19603)
gives the formula and says when it fails. Here the probes of all given runs of the model are compared so, at the cell of
the run under control, over all pairs of two sets. Then the direction that the other sets share is erased from this
run's states by LEACE (Belrose et al., "LEACE: Perfect linear concept erasure in closed form", arXiv 2306.03819), fitted
to the other sets' training rows alone, and a new probe is fitted to what remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.covariance import ledoit_wolf

from truthmap.analyses.controls.base import Control, ControlResult, not_run
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlCurve,
    ControlPoint,
    amount,
    has_enough,
    remaining,
    verdict_on,
)
from truthmap.analyses.probing import StatesAtCell, fit_cell_probe, read_cell
from truthmap.arrays import Floats
from truthmap.errors import NotEnoughDataError, RunFolderError
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.probes.linear import LinearProbe
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run

_SAME = ("architecture", "weights", "tokenizer")


@dataclass(frozen=True)
class SetAtCell:
    """The states of one set at the cell, in training and in test, and the probe of its training part.

    Attributes:
        name: What the set is called.
        training, testing: Its rows.
        probe: Its probe.
    """

    name: str
    training: StatesAtCell
    testing: StatesAtCell
    probe: LinearProbe


@dataclass(frozen=True)
class Pair:
    """A probe of one set on the test part of another.

    Attributes:
        cosine: Of the two sets' directions, in the metric of the target's test states.
        auc: Of the source's probe on the target's test rows.
    """

    source: str
    target: str
    cosine: float
    auc: Estimate


def mahalanobis_cosine(one: Floats, other: Floats, states: Floats) -> float:
    """Return the cosine of two directions (d,) in the metric of the covariance of states (n, d), in [-1, 1].

    It is the correlation of the two readings of the states.
    """
    first, second = ((states - states.mean(axis=0)) @ direction for direction in (one, other))
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(first @ second / length, -1, 1)) if length > 0 else 0.0


def direction_of(probe: LinearProbe) -> Floats:
    """Return the direction that a probe reads in the states' own units: float64 (d,)."""
    return np.asarray(probe.weight / probe.scale)


def pairs_of(sets: Sequence[SetAtCell]) -> list[Pair]:
    """Return all pairs of two sets, in both directions; test rows whose question the source has seen are left out."""
    found = []
    for source in sets:
        seen = set(source.training.group)
        for target in sets:
            fresh = np.array([group not in seen for group in target.testing.group], dtype=bool)
            y = target.testing.y[fresh]
            group = [name for name, here in zip(target.testing.group, fresh.tolist(), strict=True) if here]
            if source is target or not has_enough(y, group):
                continue
            states = target.testing.states.double().numpy()[fresh]
            cosine = mahalanobis_cosine(direction_of(source.probe), direction_of(target.probe), states)
            found.append(Pair(source.name, target.name, cosine, auc_estimate(source.probe.score(states), y, group)))
    return found


def r_squared(pairs: Sequence[Pair]) -> float | None:
    """Return the share of the AUCs' variance that is linear in the cosine; `None` for fewer than three pairs."""
    cosines, aucs = np.array([pair.cosine for pair in pairs]), np.array([pair.auc.value for pair in pairs])
    if len(pairs) < 3 or cosines.std() == 0 or aucs.std() == 0:
        return None
    return float(np.corrcoef(cosines, aucs)[0, 1] ** 2)


def erased(states: StatesAtCell, others: Sequence[StatesAtCell]) -> torch.Tensor:
    """Return states without what tells right from wrong linearly in the training rows of others: float64 (n, d).

    With one concept LEACE is the oblique projection x - σ σᵀΣ⁻¹(x - μ) / σᵀΣ⁻¹σ, σ the covariance of the states with
    the outcome and Σ that of the states: no linear probe tells the others' outcomes from what remains, and no map that
    achieves this moves their states less. Σ is shrunk as Ledoit and Wolf do (2004), which any positive Σ bears. Each
    set is centred first: that one has more right answers, or other words, than the next is not what they share.
    """
    x = np.concatenate([_centred(each.states.double().numpy()) for each in others])
    z = np.concatenate([_centred(each.y.astype(np.float64)) for each in others])
    shared = x.T @ z / len(z)
    metric = np.linalg.solve(ledoit_wolf(x, assume_centered=True)[0], shared)
    if not shared @ metric > 0:
        return states.states.double()  # the others tell nothing apart
    centred = _centred(states.states.double().numpy())
    taken = np.outer(centred @ metric / (shared @ metric), shared)
    return states.states.double() - torch.from_numpy(taken)


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean(axis=0), dtype=np.float64)


def measure_transfer_geometry(context: ControlContext) -> ControlResult:
    """Compare the directions of several sets' probes, and read this run's states without what the others share."""
    if not context.settings.others:
        return not_run("Not run: name runs of the same model on other questions with --other")
    sets = [_at_cell(context, context.data)]
    for name in context.settings.others:
        data = RunData.load(open_run(name))
        _require_same_model(context, data)
        sets.append(_at_cell(context, data))
    return told(context, sets)


def told(context: ControlContext, sets: Sequence[SetAtCell]) -> ControlResult:
    """Return what the sets' directions say of the probe; the first set is the run's own."""
    pairs, own = pairs_of(sets), sets[0]
    if not pairs:
        raise NotEnoughDataError("too few fresh test answers of either outcome in any pair of sets")
    others = [each.training for each in sets[1:]]
    # Erased together, so that training and test rows are moved alike.
    both = StatesAtCell(
        (*own.training.ids, *own.testing.ids),
        torch.cat([own.training.states, own.testing.states]),
        np.concatenate([own.training.y, own.testing.y]),
        np.concatenate([own.training.fold, own.testing.fold]),
        (*own.training.group, *own.testing.group),
    )
    left, n = erased(both, others), len(own.training.ids)
    training = StatesAtCell(own.training.ids, left[:n], own.training.y, own.training.fold, own.training.group)
    again = fit_cell_probe(training, context.fitting.cs).probe.score(left[n:].numpy())
    unchanged = own.probe.score(left[n:].numpy())
    y, group = own.testing.y, own.testing.group
    before = auc_estimate(own.probe.score(own.testing.states.double().numpy()), y, group)
    head = remaining("new probe, shared erased", auc_estimate(again, y, group), before)
    kept = remaining("the probe, shared erased", auc_estimate(unchanged, y, group), before)
    explained = r_squared(pairs)
    share = (head.value.value - 0.5) / max(before.value - 0.5, 1e-9)
    r2 = "too few pairs for an R²" if explained is None else f"R² {explained:.2f}"
    best = max(pairs, key=lambda pair: pair.auc.value)
    says = (
        f"Over {len(pairs)} pairs of sets the cosine of the probes' directions goes with the transfer AUC ({r2}; best "
        f"{best.source} → {best.target}: cosine {best.cosine:.2f}, AUC {best.auc.short}); with what the other sets "
        f"share erased, a new probe still reads {head.value.value:.2f} of {before.value:.2f}: {amount(share)} of it is "
        "this set's own."
    )
    points = tuple(ControlPoint(at=pair.cosine, value=pair.auc) for pair in sorted(pairs, key=lambda pair: pair.cosine))
    curve = ControlCurve(name="from set to set", along="cosine of the directions (Mahalanobis)", points=points)
    facts = tuple(
        (f"{pair.source} → {pair.target}", f"cosine {pair.cosine:.3f}, AUC {pair.auc.short}") for pair in pairs
    )
    return ControlResult(verdict_on(head), says, (head, kept), (curve,), facts)


def _at_cell(context: ControlContext, data: RunData) -> SetAtCell:
    """Read a set at the cell of the run under control, and fit its probe there.

    Raises:
        NotEnoughDataError: a training part lacks an outcome.
        RunFolderError: the run has no states of the site or the position.
    """
    cell, labels = context.cell, data.labels
    if cell.site not in data.states.layout() or cell.position not in data.states.positions:
        raise RunFolderError(f"{data.run.address} has no states of site {cell.site} at {cell.position}")
    training, testing = (read_cell(data, labels.of(test=test), cell) for test in (False, True))
    probe = fit_cell_probe(training, context.fitting.cs).probe
    name = data.summary.questions if data.run is not context.data.run else context.data.summary.questions
    return SetAtCell(name, training, testing, probe)


def _require_same_model(context: ControlContext, other: RunData) -> None:
    own, theirs = (data.settings.get("model_identity") or {} for data in (context.data, other))
    for what in _SAME:
        if own.get(what) != theirs.get(what):
            raise RunFolderError(
                f"{other.run.address} was made with another model ({what} differs): --other takes runs of the same one"
            )


CONTROL = Control(
    "transfer-geometry",
    "The Truthfulness Spectrum Hypothesis, arXiv 2602.20273; LEACE, arXiv 2306.03819",
    measure_transfer_geometry,
)
