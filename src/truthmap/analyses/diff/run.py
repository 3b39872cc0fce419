"""Two maps of the same shape side by side, with their difference and its significance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from truthmap.analyses.diff.equal_n import map_of_fewer, needs_equal_n
from truthmap.analyses.diff.figure import difference_figure
from truthmap.analyses.diff.measure import (
    LEVEL,
    CellDifferences,
    MapDifference,
    MapScores,
    MapSide,
    compare_maps,
    rows_of,
)
from truthmap.analyses.probing import only
from truthmap.analyses.results import write_analysis
from truthmap.errors import RunFolderError, UsageError
from truthmap.files import AnyPath, as_path
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position, column_of
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.run import Run
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress, Silence

NAME = "diff"


def diff_runs(
    first: Run,
    second: Run,
    out: AnyPath | str,
    *,
    sites: tuple[Site, Site] | None = None,
    equal_n: bool = True,
    progress: Progress | None = None,
) -> MapDifference:
    """Compare the maps of two runs, or of two sites of one; writes `diff.*` into the folder `out`.

    Args:
        first: The run whose map is subtracted.
        second: The run from whose map it is subtracted.
        out: The folder to write into.
        sites: Which map of each; by default the sites of their best cells.
        equal_n: Fit the map of the run with more answers anew on as many as the other has, where the numbers differ:
            more answers alone make a map higher.
        progress: Who shows that; nobody by default.

    Raises:
        UsageError: both maps are the same.
        RunFolderError: a run has no map of the site, or the maps have no position in common, or different numbers of
            layers.
        NotEnoughDataError: there is no cell with a probe in both.
    """
    first_site, second_site = sites or (first.summary.site, second.summary.site)
    if first.path.resolve() == second.path.resolve() and first_site is second_site:
        raise UsageError("both maps are the same one; name two runs, or two sites of one (--site, --second-site)")
    data = RunData.load(first)
    other_data = data if first == second else RunData.load(second)
    (positions, one), (others, other) = _scores(data, first_site), _scores(other_data, second_site)
    shared = tuple(position for position in positions if position in others)
    if not shared:
        raise RunFolderError(
            f"the maps have no position in common: {first.address} has {', '.join(map(str, positions))} and "
            f"{second.address} {', '.join(map(str, others))}; run one of them again with --positions that the other has"
        )
    if one.scores.shape[0] != other.scores.shape[0]:
        raise RunFolderError(
            f"the maps have different shapes: {first.address} has {one.scores.shape[0]} layers and {second.address} "
            f"{other.scores.shape[0]}; compare runs of models of the same depth"
        )
    whole = (len(one.ids), len(other.ids))
    if equal_n and needs_equal_n(*whole):
        progress = progress or Silence()
        if whole[0] > whole[1]:
            one = map_of_fewer(data, first_site, whole[1], other.ids, progress)
        else:
            other = map_of_fewer(other_data, second_site, whole[0], one.ids, progress)
    one, other = _only_at(shared, positions, one), _only_at(shared, others, other)
    found = compare_maps(one, other)
    result = _result((first, first_site, one), (second, second_site, other), found, shared)
    in_one = (*(p for p in positions if p not in shared), *(p for p in others if p not in shared))
    result = result.model_copy(update={"in_one_only": in_one})
    sides = (result.first.model_copy(update={"of": whole[0]}), result.second.model_copy(update={"of": whole[1]}))
    result = result.model_copy(update={"first": sides[0], "second": sides[1]})
    _write(as_path(out), result, found, [first, second])
    return result


def _result(
    first: tuple[Run, Site, MapScores],
    second: tuple[Run, Site, MapScores],
    found: CellDifferences,
    positions: tuple[Position, ...],
) -> MapDifference:
    known = np.isfinite(found.difference)
    width = found.high - found.low
    size = np.where(known & (width > 0), np.abs(found.difference) / np.where(width > 0, width, 1), -1)
    at = np.unravel_index(int(np.argmax(size)), size.shape)
    significant = known & (found.p_corrected <= LEVEL)
    names = _names(first[0], second[0], first[1], second[1])
    return MapDifference(
        first=_side(names[0], *first),
        second=_side(names[1], *second),
        both=len(set(first[2].ids) & set(second[2].ids)),
        cells=int(known.sum()),
        higher=int((significant & (found.difference > 0)).sum()),
        lower=int((significant & (found.difference < 0)).sum()),
        mean=found.mean,
        positions=positions,
        layer=int(at[0]),
        position=positions[int(at[1])],
        largest=Estimate(
            value=found.difference[at], low=found.low[at], high=found.high[at], n=len({*first[2].ids, *second[2].ids})
        ),
        largest_p=float(found.p_corrected[at]),
        auc_first=rows_of(found.first),
        auc_second=rows_of(found.second),
        difference=rows_of(found.difference),
        p_corrected=rows_of(found.p_corrected),
    )


def difference_table(found: CellDifferences, positions: Sequence[Position]) -> pd.DataFrame:
    """Return the differences as a table, a row per cell."""
    layers, columns = np.indices(found.difference.shape)
    values = ("first", "second", "difference", "low", "high", "p_value", "p_corrected")
    frame: pd.DataFrame = pd.DataFrame(
        {
            "layer": layers.ravel(),
            "position": [str(positions[p]) for p in columns.ravel().tolist()],
            **{name: getattr(found, name).ravel() for name in values},
        }
    )
    return frame


def _scores(data: RunData, site: Site) -> tuple[tuple[Position, ...], MapScores]:
    """Return a map's positions and its out-of-fold scores, joined with outcomes and groups by question id."""
    out_of_fold = data.out_of_fold(site)
    labels = only(data.labels, out_of_fold.ids)
    place = {i: n for n, i in enumerate(out_of_fold.ids)}
    scores = out_of_fold.scores[:, :, [place[i] for i in labels.ids]].astype(np.float64)
    return out_of_fold.positions, MapScores(labels.ids, labels.group, labels.y, scores)


def _only_at(shared: Sequence[Position], positions: Sequence[Position], scores: MapScores) -> MapScores:
    """Keep a map's scores at the positions that both maps have, in their order."""
    return replace(scores, scores=scores.scores[:, [column_of(positions, position) for position in shared]])


def _side(name: str, run: Run, site: Site, scores: MapScores) -> MapSide:
    adapter = Study(**run.settings["settings"], out=run.address).model.adapter
    return MapSide(
        name=name,
        model=run.summary.model if adapter is None else f"{run.summary.model} with {adapter}",
        questions=run.summary.questions,
        site=site,
        answers=len(scores.ids),
        right=float(scores.y.mean()),
    )


def _names(first: Run, second: Run, first_site: Site, second_site: Site) -> tuple[str, str]:
    """Name the two maps by their folders, and by their sites where those differ."""
    one, other = first.path.resolve().name, second.path.resolve().name
    if first_site is not second_site:
        return f"{one} ({first_site})", f"{other} ({second_site})"
    return (one, other) if one != other else (str(first.path), str(second.path))


def _write(out: AnyPath, result: MapDifference, found: CellDifferences, runs: Sequence[Run]) -> None:
    write_analysis(out, NAME, result, difference_table(found, result.positions), difference_figure(result), runs)
