"""From a finished run to the map of its thoughts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from truthmap.analyses.probing import best_cell_at, has_probe, probe_settings
from truthmap.analyses.results import write_analysis
from truthmap.analyses.thought.figure import thought_figure
from truthmap.analyses.thought.measure import (
    ThoughtMap,
    ThoughtPlace,
    share_of_thought,
    step_of_thought,
    token_of_thought,
)
from truthmap.analyses.thought.so_far import SoFar, said_so_far, text_rival
from truthmap.answer_parts import parted
from truthmap.errors import NotEnoughDataError, RunFolderError
from truthmap.metrics.auc_interval import auc_estimate
from truthmap.metrics.estimate import Estimate
from truthmap.positions import SETS, Group, Position
from truthmap.probes.grid import Cell, Grid
from truthmap.probes.test_part import TestScore, score_on_test
from truthmap.questions.tasks import Task
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.store.tensors import TensorReader
from truthmap.study.stage_settings import load_question_set
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress, Silence

NAME = "thought"


def thought_map(run: Run, *, site: Site | None = None, progress: Progress | None = None) -> ThoughtMap:
    """Read the correctness of final answers along the thoughts of a run; writes `analyses/thought.*` into its folder.

    At each place of the thought that the run's map has, the layer that is best there on train + validation is scored on
    the test part, beside the baseline that reads question and thought so far, and what thoughts have named so far is
    graded by the run's rule.

    Args:
        run: A finished run whose map has places of the thought (`--positions along_thought`).
        site: What was read; by default the site of the best cell.
        progress: Who shows how far it is.

    Raises:
        RunFolderError: the map has no place of a thought, or not of this site.
        NotEnoughDataError: too few answers think.
    """
    data, progress = RunData.load(run), progress or Silence()
    grid = data.grid(site)
    kinds: tuple[Callable[[Position], float | int | None], ...] = (share_of_thought, token_of_thought, step_of_thought)
    places = [p for p in grid.positions if any(of(p) is not None for of in kinds)]
    if not places:
        raise RunFolderError(
            f"the map of {run.address} has no place of a thought: run the study again with --positions along_thought "
            "--update (its answers are kept)"
        )
    thoughts = {row: thought for row in data.labels.ids if (thought := parted(data.answer_of(row)).thought)}
    read = [place for place in places if has_probe(grid, place)]
    if not read:
        raise NotEnoughDataError(
            f"{len(thoughts)} of the {len(data.labels.ids)} scored answers of {run.address} think: too few for a probe "
            "anywhere in their thoughts; ask more questions, or let the model think (--thinking on)"
        )
    task = load_question_set(Study(**data.settings["settings"], out=run.address), kept_in=run.folder).task
    found: dict[Position, ThoughtPlace] = {}
    with progress.stage("Reading thoughts", len(read)) as advance:
        for done, position in enumerate(read, start=1):
            place = _place(data, grid, position, task)
            found.update({} if place is None else {position: place})
            advance(done)
    lengths = np.array([0 if t.tokens is None else t.tokens.end - t.tokens.start for t in thoughts.values()])
    shares, tokens, steps = (_ordered(found, of) for of in kinds)
    result = ThoughtMap(
        model=run.summary.model,
        questions=run.summary.questions,
        site=grid.site,
        scored=len(thoughts),
        without=len(data.labels.ids) - len(thoughts),
        cut=sum(parted(answer).is_cut_while_thinking for answer in data.answers),
        median_tokens=float(np.median(lengths)),
        before=_best_of(data, grid, [p for p in grid.positions if p.group is Group.PROMPT]),
        after=_best_of(data, grid, [p for p in grid.positions if p in _OF_FINAL or p.group in _FINAL_GROUPS]),
        length=_length(data, {row: -float(n) for row, n in zip(thoughts, lengths, strict=True)}),
        by_share=shares,
        by_token=tokens,
        by_step=steps,
        skipped=tuple(place for place in places if place not in found),
    )
    write_analysis(run.folder / ANALYSES, NAME, result, places_table(result), thought_figure(result), [run])
    return result


_OF_FINAL = tuple(position for position in SETS["thought"] if str(position).startswith("final"))
_FINAL_GROUPS = (Group.FINAL, Group.EXACT)


def places_table(result: ThoughtMap) -> pd.DataFrame:
    """Return the places as a table, a row each, those at shares first, then at tokens and at steps."""
    frame: pd.DataFrame = pd.DataFrame(
        [
            {
                "position": str(place.position),
                "share": place.share,
                "tokens": place.tokens,
                "n": place.n,
                "layer": place.layer,
                **_columns("validation", place.validation),
                **_columns("test", place.test),
                "p_value": place.p_value,
                **_columns("text", None if place.text is None else place.text.test),
                **_columns("gain", None if place.text is None else place.text.gain),
                "named": None if place.said is None else place.said.named,
                "named_right": None if place.said is None else place.said.right,
                "named_kept": None if place.said is None else place.said.kept,
                **_columns("unnamed", None if place.said is None else place.said.unnamed),
            }
            for place in (*result.by_share, *result.by_token, *result.by_step)
        ]
    )
    return frame


def _columns(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    found = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))


def _place(data: RunData, grid: Grid, position: Position, task: Task) -> ThoughtPlace | None:
    """Measure one place; `None` where the test answers that still think there are all right or all wrong."""
    cell = best_cell_at(grid, position)
    test = _tested(data, grid, cell)
    if test is None:
        return None
    so_far = SoFar.of(data, position)
    p_value = float(grid.p_value[grid.index(cell)])
    return ThoughtPlace(
        position=position,
        share=share_of_thought(position),
        tokens=so_far.tokens,
        n=len(so_far.answers),
        layer=cell.layer,
        validation=grid.estimate(cell),
        test=test.auc,
        p_value=p_value if np.isfinite(p_value) else None,
        text=text_rival(data, so_far, test, data.out_of_fold(grid.site)),
        said=said_so_far(data, so_far, test, task),
    )


def _tested(data: RunData, grid: Grid, cell: Cell) -> TestScore | None:
    try:
        return score_on_test(TensorReader(data.states), data.labels, grid, cell, probe_settings(data))
    except NotEnoughDataError:
        return None


def _best_of(data: RunData, grid: Grid, positions: Sequence[Position]) -> Estimate | None:
    """Return the test AUC of the cell that is best on train + validation among these positions."""
    cells = [best_cell_at(grid, position) for position in positions if has_probe(grid, position)]
    if not cells:
        return None
    test = _tested(data, grid, max(cells, key=lambda cell: float(grid.auc[grid.index(cell)])))
    return None if test is None else test.auc


def _length(data: RunData, shortness: dict[str, float]) -> Estimate | None:
    labels = data.labels.take(np.array([row in shortness for row in data.labels.ids], dtype=bool))
    if not labels.ids or labels.y.all() or not labels.y.any():
        return None
    return auc_estimate(np.array([shortness[row] for row in labels.ids]), labels.y, labels.group)


def _ordered(
    found: dict[Position, ThoughtPlace], of: Callable[[Position], float | int | None]
) -> tuple[ThoughtPlace, ...]:
    places = [(place, value) for position, place in found.items() if (value := of(position)) is not None]
    return tuple(place for place, _ in sorted(places, key=lambda each: each[1]))
