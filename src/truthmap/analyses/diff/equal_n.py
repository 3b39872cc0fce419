"""Maps that learned from as many answers: more answers alone make a map higher."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from truthmap.analyses.diff.measure import MapScores
from truthmap.analyses.probing import only, probe_settings
from truthmap.probes.fit_grid import RIGHT, fit_grids
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import RowKey, Site
from truthmap.runs.data import RunData
from truthmap.seeding import uniform_from
from truthmap.store.tensors import TensorReader
from truthmap.terminal.progress import Progress

TOLERANCE = 0.05
"""Maps are taken as they are where the smaller number of answers lacks less than this share of the larger."""


def needs_equal_n(one: int, other: int) -> bool:
    """Tell whether two maps learned from numbers of answers that differ by more than `TOLERANCE`."""
    return min(one, other) < (1 - TOLERANCE) * max(one, other)


def draw_answers(labels: LabelledAnswers, n: int, first: Collection[RowKey]) -> LabelledAnswers:
    """Draw n answers at random, by their keys alone, those of `first` before all others: so many pairs remain."""
    wanted = set(first)
    order = sorted(labels.ids, key=lambda i: (i not in wanted, uniform_from("equal n", i)))
    return only(labels, order[:n])


def map_of_fewer(data: RunData, site: Site, n: int, first: Collection[RowKey], progress: Progress) -> MapScores:
    """Fit a run's map anew on n of its answers of train + validation, as the run did.

    Args:
        data: The run's records, with its states.
        site: Which map.
        n: How many answers.
        first: Keys of answers to take before all others, such as those that the other map has.
        progress: Who shows how far it is.

    Raises:
        RunFolderError: the states are not there any more.
    """
    out_of_fold = data.out_of_fold(site)
    drawn = draw_answers(only(data.labels, out_of_fold.ids), n, first)
    n_layers, _ = data.states.layout()[site]
    with progress.stage(f"Fitting a map of {n} answers", n_layers) as advance:
        fit = fit_grids(
            TensorReader(data.states),
            drawn,
            {RIGHT: drawn.y},
            site,
            probe_settings(data),
            lambda done, _total: advance(done),
        )[RIGHT]
    assert fit.out_of_fold.ids == drawn.ids
    scores = fit.out_of_fold.scores.astype(np.float64)
    return MapScores(drawn.ids, drawn.group, drawn.y, scores)
