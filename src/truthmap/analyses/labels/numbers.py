"""Where a label that is a number can be read: ridge probes, and Spearman's rank correlation in each cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from truthmap.analyses.labels.measure import SPEARMAN, LabelKind, LabelMaps, LabelScore
from truthmap.arrays import Floats
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.spearman import spearman_estimate
from truthmap.positions import Position
from truthmap.probes.cross_validation import usable
from truthmap.probes.labels import LabelledAnswers
from truthmap.probes.ridge import STRENGTHS, RidgeMap, fit_ridge, fit_ridge_map, out_of_fold_ridge
from truthmap.records import RowKey, Site
from truthmap.store.tensors import TensorReader

FEWEST = 20
"""Labelled answers outside the test part that a cell needs."""
_CLASSES = 2
"""Up to so many different numbers are two classes, such as 0 and 1."""


def as_numbers(labels: Sequence[str], kind: LabelKind) -> bool:
    """Tell whether labels are to be predicted as numbers.

    Raises:
        UsageError: they are to be, and one is no number.
    """
    values, odd = set(), []
    for label in labels:
        try:
            value = float(label)
        except ValueError:
            odd.append(label)
            continue
        if math.isfinite(value):
            values.add(value)
        else:
            odd.append(label)
    decided = {LabelKind.AUTO: not odd and len(values) > _CLASSES, LabelKind.CLASSES: False, LabelKind.NUMBERS: True}
    if decided[kind] and odd:
        raise UsageError(f"{odd[0]!r} is no number: expected numbers as labels, or leave --kind numbers out")
    return decided[kind]


def map_numbers(
    store: TensorReader,
    labels: LabelledAnswers,
    of_question: Mapping[str, str],
    site: Site,
    permutations: int,
    seed: int,
    on_layer: Callable[[int], None] = lambda _done: None,
) -> tuple[LabelScore, RidgeMap]:
    """Fit a ridge probe in every cell, choose the best one on train + validation and score it once on the test part.

    Args:
        store: The states.
        labels: The labelled answers.
        of_question: Question id → label, a number.
        site: What to read.
        permutations: Shuffles of the labels for the p-values; 0: none.
        seed: Where the shuffles start.
        on_layer: Called with how many layers are done.

    Raises:
        NotEnoughDataError: too few labelled answers, or their numbers do not differ.
    """
    seen, unseen = labels.of(test=False), labels.of(test=True)
    y, on_test = _values(seen.ids, of_question), _values(unseen.ids, of_question)
    if len(y) < FEWEST:
        raise NotEnoughDataError(
            f"a map of numbers needs {FEWEST} labelled answers outside the test part, has {len(y)}"
        )
    draw = np.random.default_rng(seed)
    shuffles = np.array([draw.permutation(len(y)) for _ in range(permutations)], dtype=np.int64).reshape(-1, len(y))
    found = fit_ridge_map(store, seen, y, site, shuffles, FEWEST, on_layer)
    if not np.isfinite(found.spearman).any():
        raise NotEnoughDataError(f"no cell has {FEWEST} labelled answers whose numbers differ in every training part")
    layer, column = found.best()
    position, strength = store.positions[column], float(found.strength[layer, column])
    x, here = _states(store, site, layer, position, seen.ids)
    predicted = _at(out_of_fold_ridge(x, y[here][:, None], seen.fold[here]), strength)
    validation = spearman_estimate(predicted, y[here])
    assert validation is not None, "a cell with a correlation"
    x_test, there = _states(store, site, layer, position, unseen.ids)
    test = spearman_estimate(fit_ridge(x, y[here], strength).predict(x_test), on_test[there])
    p_value = float(found.p_value[layer, column]) if permutations else None
    return _score(len(labels.ids), (layer, position), validation, p_value, test), found


def number_table(found: RidgeMap, site: Site, positions: Sequence[Position], label: str) -> pd.DataFrame:
    """Return the map as a table, a row per cell."""
    p_value = found.p_value
    rows = [
        {
            "site": str(site), "layer": layer, "position": str(positions[column]), "label": label,
            "spearman": found.spearman[layer, column], "n": int(found.n[layer, column]),
            "strength": found.strength[layer, column], "p_value": p_value[layer, column],
        }
        for layer, column in np.ndindex(*found.spearman.shape)
    ]  # fmt: skip
    frame: pd.DataFrame = pd.DataFrame(rows)
    return frame


def number_result(column: str, site: Site, score: LabelScore, unlabelled: int, unknown: int) -> LabelMaps:
    """Return the result of a column of numbers."""
    named = score.model_copy(update={"label": column})
    return LabelMaps(
        column=column, site=site, labelled=score.n, unlabelled=unlabelled, unknown=unknown, scores=(named,), too_few={},
        measure=SPEARMAN,
    )  # fmt: skip


def _score(
    n: int, cell: tuple[int, Position], validation: Estimate, p_value: float | None, test: Estimate | None
) -> LabelScore:
    layer, position = cell
    return LabelScore(
        label="",
        n=n,
        layer=layer,
        position=position,
        validation=validation,
        p_value=p_value,
        p_corrected=p_value,
        test=test,
    )


def _values(ids: Sequence[RowKey], of_question: Mapping[str, str]) -> Floats:
    return np.array([float(of_question[i.question_id]) for i in ids], dtype=np.float64)


def _states(
    store: TensorReader, site: Site, layer: int, position: Position, ids: Sequence[RowKey]
) -> tuple[Floats, np.ndarray]:
    read = store.read_cell(site, layer, position, ids)
    here = usable(read.states[0], read.present[0])
    return read.states[0].double().numpy()[here], here


def _at(predicted: Floats, strength: float) -> Floats:
    at: Floats = predicted[STRENGTHS.index(strength), 0]
    return at
