"""The same answers graded twice: how far both graders agree, and what the probe reaches under either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from truthmap.analyses.audit.twice import FILES, NAME, AucTwice, GradedTwice
from truthmap.analyses.probing import test_scores
from truthmap.analyses.results import write_table
from truthmap.arrays import Bools, Floats, Ints
from truthmap.errors import NotEnoughDataError
from truthmap.files import write_json
from truthmap.grading.text_model import Cost
from truthmap.metrics.auc import auc_rowwise
from truthmap.metrics.bootstrap import bootstrap
from truthmap.metrics.intervals import exact_share_of
from truthmap.metrics.kappa import cohen_kappa
from truthmap.probes.grid import Cell
from truthmap.questions.groups import group_questions
from truthmap.records import Grade, Outcome, RowKey
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import analysis_entry, map_key


def compare_grades(data: RunData, second: Sequence[Grade], names: tuple[str, str], cost: Cost) -> GradedTwice:
    """Compare a run's grades with second ones; writes `analyses/audit.json` and, in `audit.parquet`, where they differ.

    Args:
        data: The records of a run.
        second: The second grades of its answers.
        names: What the two graders are called.
        cost: What asking the second one took.
    """
    by_key = {grade.key: grade for grade in second}
    grades = [(grade, by_key[grade.key]) for grade in data.grades if grade.key in by_key]
    groups = {question_id: ":".join(name) for question_id, name in group_questions(data.questions).of.items()}
    scored = [pair for pair in grades if Outcome.UNSCORED not in (pair[0].outcome, pair[1].outcome)]
    same = np.array([one.outcome is other.outcome for one, other in scored], dtype=bool)
    together = [groups[one.question_id] for one, _ in scored]
    counts = Counter((one.outcome, other.outcome) for one, other in grades)
    kappa = cohen_kappa(
        [str(one.outcome) for one, _ in scored],
        [str(other.outcome) for _, other in scored],
        together,
        "graded twice",
    )
    right = {one.key: (one.outcome is Outcome.RIGHT, other.outcome is Outcome.RIGHT) for one, other in scored}
    found = GradedTwice(
        first=names[0],
        second=names[1],
        counts={one: {other: counts[one, other] for other in Outcome} for one in Outcome},
        agreement=exact_share_of(same, together),
        kappa=kappa,
        validation=auc_twice(_out_of_fold(data), right, groups, "validation"),
        test=auc_twice(_on_test(data), right, groups, "test"),
        cost=None if cost == Cost() else cost,
        says=(),
    )
    found = found.model_copy(update={"says": tuple(_sentences(found))})
    _write(data.run.folder, found, _differing(data, grades))
    return found


def _write(folder: RunFolder, found: GradedTwice, differing: pd.DataFrame) -> None:
    """Write the result and its table; the run's ledger vouches for them."""
    target = folder / ANALYSES
    write_table(target / f"{NAME}.parquet", differing)
    write_json(target / f"{NAME}.json", found.model_dump(mode="json"))
    folder.finish(analysis_entry(NAME), map_key(folder.entries()), FILES, 0.0, {})


def auc_twice(
    scores: Mapping[RowKey, float],
    right: Mapping[RowKey, tuple[bool, bool]],
    groups: Mapping[str, str],
    label: str,
) -> AucTwice | None:
    """Return what scores reach under two gradings, with intervals of resampled groups.

    Args:
        scores: The probe's, by row.
        right: Whether either grading says right, by row: of the rows that both score.
        groups: What belongs together, by question.
        label: Names what is resampled.
    """
    rows = [row for row in scores if row in right and np.isfinite(scores[row])]
    log_odds = np.array([scores[row] for row in rows], dtype=np.float64)
    y = np.array([right[row] for row in rows], dtype=bool).reshape(-1, 2).T
    agree = y[0] == y[1] if rows else np.zeros(0, dtype=bool)
    if not all(_has_both(each) for each in y):
        return None

    def measure(drawn: Ints) -> Floats:
        first, second = (_auc(log_odds[drawn], each[drawn]) for each in y)
        agreeing = drawn[agree[drawn]]
        return np.array([first, second, second - first, _auc(log_odds[agreeing], y[0][agreeing])])

    with_agreeing = _has_both(y[0][agree])
    kept: int = 4 if with_agreeing else 3
    found = bootstrap(lambda drawn: measure(drawn)[:kept], [groups[row.question_id] for row in rows], f"twice {label}")
    last = found[3].model_copy(update={"n": int(agree.sum())}) if with_agreeing else None
    return AucTwice(first=found[0], second=found[1], difference=found[2], agreeing=last)


def _has_both(y: Bools) -> bool:
    return bool(y.any()) and not bool(y.all())


def _auc(scores: Floats, y: Bools) -> float:
    return float(auc_rowwise(scores[None], y[None])[0]) if _has_both(y) else float("nan")


def _out_of_fold(data: RunData) -> Mapping[RowKey, float]:
    """Return the best cell's out-of-fold scores of train + validation."""
    if not data.has_out_of_fold:
        return {}
    return data.out_of_fold().at(_best(data))


def _on_test(data: RunData) -> Mapping[RowKey, float]:
    """Return what the best cell's probe says of the test part."""
    try:
        return test_scores(data, data.grid(), _best(data))
    except NotEnoughDataError:
        return {}


def _best(data: RunData) -> Cell:
    return Cell(data.summary.site, data.summary.layer, data.summary.position)


def _differing(data: RunData, grades: Sequence[tuple[Grade, Grade]]) -> pd.DataFrame:
    """Return a row for each answer that both score and on which they differ, then those that one alone scores."""
    differing = [pair for pair in grades if pair[0].outcome is not pair[1].outcome]
    differing.sort(key=lambda pair: Outcome.UNSCORED in (pair[0].outcome, pair[1].outcome))
    columns = ("question", "answer", "first", "second", "first_why", "second_why")
    rows = [
        (
            data.question_of(one.key).text,
            data.answer_of(one.key).text,
            str(one.outcome),
            str(other.outcome),
            one.why,
            other.why,
        )
        for one, other in differing
    ]
    frame: pd.DataFrame = pd.DataFrame(rows, columns=list(columns), dtype=str)
    return frame


def _sentences(found: GradedTwice) -> Iterator[str]:
    """Say what the two gradings mean for the map."""
    n = found.agreement.n
    kappa = "" if found.kappa is None else f" (Cohen's kappa {found.kappa.short})"
    yield f"{found.first} and {found.second} both score {n:,} answers and agree on {found.agreement.value:.1%}{kappa}."
    twice = found.test or found.validation
    if twice is None:
        yield "Too few answers that both score are right and wrong to say what the probe reaches under the second."
        return
    where = "test answers" if twice is found.test else "cross-validated answers"
    change = f"the AUC is {twice.first.short} under the first and {twice.second.short} under the second grading"
    meaning = "what the map shows depends on the grader" if twice.difference.excludes_zero else "no clear difference"
    yield f"On the {where} {change}: {twice.difference.short_signed}, {meaning}."
