"""The maps of a run as the page takes them: columns of grid.parquet, out-of-fold scores, answers by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from truthmap.positions import in_table_order
from truthmap.records import Outcome, Site
from truthmap.report.maps import ShownAnswer, SiteMap, SiteScores
from truthmap.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

_NO_COLUMNS = frozenset({"site", "layer", "position", "gap"})


def site_maps(run: Run) -> tuple[SiteMap, ...]:
    """Return the map of every site, the best cell's first."""
    cells = run.cells()
    sites = sorted(map(Site, cells["site"].unique()), key=lambda site: (site != run.summary.site, site))
    return tuple(site_map(run, site, cells) for site in sites)


def site_map(run: Run, site: Site, cells: pd.DataFrame | None = None) -> SiteMap:
    """Return one site's map: every column that grid.parquet has of it, and the out-of-fold scores if there are any."""
    frame = run.cells() if cells is None else cells
    frame = frame[frame["site"] == str(site)]
    positions = in_table_order(frame["position"])
    frame = frame.assign(column=frame["position"].map({str(p): n for n, p in enumerate(positions)}))
    frame = frame.sort_values(["layer", "column"])
    shape = (int(frame["layer"].max()) + 1, len(positions))
    numeric = [name for name in frame.columns if name not in _NO_COLUMNS and frame[name].dtype.kind in "biuf"]
    # A control that was not computed is NaN everywhere.
    known = [name for name in numeric if name != "column" and frame[name].notna().any()]
    columns = {name: frame[name].to_numpy().reshape(shape) for name in known}
    return SiteMap(site, positions, columns, site_scores(run, site))


def site_scores(run: Run, site: Site) -> SiteScores | None:
    """Return a site's out-of-fold scores with their labels, joined by id; `None` where the run kept none."""
    from truthmap.runs.out_of_fold import NAME  # brings torch

    if not (run.path / NAME).is_file():
        return None
    found, right = run.out_of_fold(site), labels_by_id(run)
    return SiteScores(found.ids, found.scores, np.array([right[i] for i in found.ids], dtype=bool))


def shown_answers(run: Run) -> Mapping[str, ShownAnswer]:
    """Return the greedy answers with their questions and verdicts, by question id."""
    questions = {question.id: question for question in run.questions()}
    grades = {grade.question_id: grade for grade in run.grades() if grade.sample == 0}
    return {
        answer.question_id: ShownAnswer(
            questions[answer.question_id].text,
            answer.text,
            grade.span,
            grade.outcome,
            ", ".join(questions[answer.question_id].accepted[:1]),
            grade.why,
        )
        for answer in run.answers()
        if answer.sample == 0 and (grade := grades[answer.question_id]).outcome is not Outcome.UNSCORED
    }


def labels_by_id(run: Run) -> Mapping[str, bool]:
    """Return whether each scored answer is right."""
    return {g.question_id: g.outcome is Outcome.RIGHT for g in run.grades() if g.outcome is not Outcome.UNSCORED}
