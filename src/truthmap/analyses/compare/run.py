"""How good the probe is against what needs no training, on the same test answers of a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from truthmap.analyses.compare.confidences import (
    likelihood_semantic_entropy,
    probability_true,
    read_percent,
    self_consistency,
    semantic_entropy,
)
from truthmap.analyses.compare.exact_p_true import exact_p_true
from truthmap.analyses.compare.figure import comparison_figure
from truthmap.analyses.compare.measure import Comparison, Confidence, Family, measure_methods
from truthmap.analyses.compare.self_report import SelfReport, self_reports
from truthmap.analyses.equivalence import ByCanonical, Equivalence, GradedAnswer
from truthmap.analyses.probing import (
    best_cell_at,
    best_cells,
    has_probe,
    mean_scores,
    only,
    test_scores,
)
from truthmap.analyses.results import write_analysis
from truthmap.analyses.samples.run import Samples, answers_came_ready, has_samples, read_samples
from truthmap.answer_parts import final_answer
from truthmap.errors import NotEnoughDataError, RunFolderError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.reopen import reopen
from truthmap.grading.free_scores import exact_tokens
from truthmap.metrics.token_scores import mean_log_prob, token_scores
from truthmap.positions import Position
from truthmap.probes.grid import Cell, best_cell
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Answer, RowKey, Span
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.terminal.progress import Progress

NAME = "compare"
REFERENCE = "probe, best cell"
SEVERAL = 5


@dataclass(frozen=True)
class _Probes:
    """The probes that are compared, and the test answers that all of them can score."""

    confidences: tuple[Confidence, ...]
    labels: LabelledAnswers
    left_out: int


def compare_run(
    run: Run,
    *,
    ask_model: bool = True,
    equivalence: Equivalence | None = None,
    reopening: ReopenSettings | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare the probe with confidences that need no training; writes `analyses/compare.*` into the run folder.

    Args:
        run: A finished run.
        ask_model: Also measure what takes the model: token entropy, p(True), a verbalized confidence. Its replies are
            kept in the run folder.
        equivalence: Which samples say the same; by default those with the same exact answer.
        reopening: ReopenSettings and how fast to compute.
        progress: Who shows the stages.

    Raises:
        NotEnoughDataError: the test answers are all right, or all wrong.
        RunFolderError: the model or the questions are not the run's any more.
    """
    active = reopen(run, reopening, progress)
    data = RunData.load(run)
    probes = _probes(data)
    answers = {row: data.answer_of(row) for row in probes.labels.ids}
    by_key = {answer.key: answer for answer in answers.values()}
    exact = exact_tokens(answers, by_key, {row: data.grade_of(row) for row in answers})
    confidences, notes = [*probes.confidences], []
    if all(answer.log_probs for answer in answers.values()):
        confidences += _log_probs(answers, exact)
        if ask_model:
            with run.held(active.progress.say):
                said = self_reports(run, active, list({each.key: each for each in answers.values()}.values()))
                of_exact = exact_p_true(run, active, {row: data.grade_of(row).exact_answer for row in exact})
            reports = {row: said[row.answer] for row in answers}
            confidences += [*_entropies(reports, exact), *_self_report_confidences(reports, of_exact)]
        else:
            notes.append("the model was not asked: no token entropy, no p(True), no verbalized confidence")
    else:
        notes.append(
            "some answers have no log-probabilities (older versions read ready ones without): the model is not asked; "
            "the same `truthmap run` into another folder has them"
        )
    samples, chosen = 0, equivalence or ByCanonical()
    if has_samples(run):
        drawn = read_samples(run)
        samples = drawn.settings.k
        confidences += sample_confidences(active, data, drawn, probes.labels.ids, chosen)
    elif answers_came_ready(data):
        notes.append(
            "no samples, so no self-consistency and no semantic entropy: the answers came with their questions, and "
            "samples would be the model's own"
        )
    else:
        notes.append(
            f"no samples: self-consistency and semantic entropy are left out (truthmap sample {run.address} --k 10)"
        )
    methods = measure_methods(confidences, probes.labels, REFERENCE)
    by_reply = {each.name for each in confidences if isinstance(each.stand_in, float)}
    notes += [
        f"{method.name}: {method.stood_in} of {len(answers)} replies name no number from 0 to 100 and count as 0.5"
        for method in methods
        if method.name in by_reply and method.stood_in
    ]
    result = Comparison(
        model=run.summary.model,
        questions=run.summary.questions,
        reference=REFERENCE,
        right=int(probes.labels.y.sum()),
        wrong=int((~probes.labels.y).sum()),
        left_out=probes.left_out,
        samples=samples,
        equivalence=type(chosen).__name__,
        methods=methods,
        notes=tuple(notes),
    )
    _write(run, result, confidences, probes.labels)
    return result


def comparison_table(result: Comparison) -> pd.DataFrame:
    """Return the comparison as a table, a row per method."""
    rows = [
        {
            "method": method.name,
            "family": str(method.family),
            **{
                f"{name}{end}": getattr(getattr(method, name), field)
                for name in ("auc", "difference", "error_precision", "risk_area")
                for field, end in (("value", ""), ("low", "_low"), ("high", "_high"))
            },
            "p_value": method.p_value,
            "passes": method.passes,
            "stood_in": method.stood_in,
        }
        for method in result.methods
    ]
    frame: pd.DataFrame = pd.DataFrame(rows)
    return frame


def _write(run: Run, result: Comparison, confidences: Sequence[Confidence], labels: LabelledAnswers) -> None:
    scores = {c.name: [c.of(i) for i in labels.ids] for c in confidences}
    answers = pd.DataFrame({"question_id": labels.ids, "right": labels.y, **scores})
    tables = {NAME: comparison_table(result), f"{NAME}_scores": answers}
    write_analysis(run.folder / ANALYSES, NAME, result, tables, comparison_figure(result), [run])


def _probes(data: RunData) -> _Probes:
    """Score the test answers with the probes at `last_q`, at `-1`, at the best cell and at several cells."""
    grid = data.grid()
    several = best_cells(grid, SEVERAL)
    cells: dict[str, tuple[Cell, ...]] = {REFERENCE: (best_cell(grid),)}
    for name, at in (("probe, last_q (before answering)", "last_q"), ("probe, -1", "-1")):
        position = Position.of(at)
        if has_probe(grid, position):
            cells[name] = (best_cell_at(grid, position),)
    cells[f"probe, mean of {len(several)} cells"] = several
    read = {cell: test_scores(data, grid, cell) for cell in dict.fromkeys(chain(*cells.values()))}
    scores = {name: mean_scores([read[cell] for cell in each]) for name, each in cells.items()}
    tested = data.labels.of(test=True)
    common = [i for i in tested.ids if all(i in each for each in scores.values())]
    kept = only(tested, common)
    if kept.y.all() or not kept.y.any():
        raise NotEnoughDataError(
            f"of the test answers that all probes can read {int(kept.y.sum())} are right and "
            f"{int((~kept.y).sum())} wrong: a comparison needs both; ask more questions"
        )
    confidences = tuple(Confidence(name, Family.PROBE, each, passes=0.0) for name, each in scores.items())
    return _Probes(confidences, kept, len(tested.ids) - len(common))


def _log_probs(answers: Mapping[RowKey, Answer], exact: Mapping[RowKey, Span]) -> list[Confidence]:
    """Sum up the log-probabilities of the answer's tokens and of the exact answer's: nothing is computed for them."""
    values = {row: final_answer(answer).log_probs for row, answer in answers.items()}
    return _summaries("log-prob", Family.LOG_PROB, values, exact, passes=0.0)


def _entropies(reports: Mapping[RowKey, SelfReport], exact: Mapping[RowKey, Span]) -> list[Confidence]:
    """Sum up the entropies, lower is surer: higher scores are made of them by their sign."""
    values = {i: tuple(-entropy for entropy in report.entropies) for i, report in reports.items()}
    return _summaries("token entropy", Family.ENTROPY, values, exact, passes=1.0)


def _summaries(
    what: str,
    family: Family,
    values: Mapping[RowKey, tuple[float, ...]],
    exact: Mapping[RowKey, Span],
    passes: float,
) -> list[Confidence]:
    return [
        Confidence(each.name, family, each.scores, passes, stand_in=each.stand_in or 0.0)
        for each in token_scores(what, values, exact)
    ]


def _self_report_confidences(
    reports: Mapping[RowKey, SelfReport], of_exact: Mapping[RowKey, float]
) -> list[Confidence]:
    p_true = {i: probability_true(report.true_first, report.false_first) for i, report in reports.items()}
    percents = {i: read_percent(report.reply) for i, report in reports.items()}
    # One pass reads the prompt and gives the first token of the reply.
    passes = sum(max(1, report.reply_tokens) for report in reports.values()) / len(reports)
    return [
        Confidence("p(True), both orders", Family.ASKING, p_true, passes=2.0),
        Confidence("p(True), both orders, exact answer", Family.ASKING, of_exact, passes=2.0, stand_in=p_true),
        Confidence(
            "verbalized confidence",
            Family.ASKING,
            {i: percent for i, percent in percents.items() if percent is not None},
            passes=passes,
            stand_in=0.5,
        ),
    ]


def sample_confidences(
    active: ActiveRun, data: RunData, samples: Samples, ids: Sequence[RowKey], equivalence: Equivalence
) -> list[Confidence]:
    """Return self-consistency and semantic entropy (by frequency, and by probability) of the rows `ids`.

    Samples that are empty or without an exact answer take part as what they are: one more thing that was said.

    Raises:
        RunFolderError: a question has no samples.
    """
    unsampled = [i.question_id for i in ids if i.question_id not in samples.answers]
    if unsampled:
        raise RunFolderError(
            f"{len(unsampled)} test questions of {data.run.address} have no samples, e.g. {unsampled[0]}; "
            f"draw them with `truthmap sample {data.run.address} --k {samples.settings.k}`"
        )
    asked, task = active.questions_by_id, active.question_set.task
    agree, spread, weighted = {}, {}, {}
    with active.progress.stage("Comparing samples", len(ids)) as advance:
        for done, i in enumerate(ids, start=1):
            text = task.chat(asked[i.question_id])
            drawn = [GradedAnswer(text, *each) for each in samples.graded(i.question_id)]
            own, *others = equivalence.classes([GradedAnswer(text, data.answer_of(i), data.grade_of(i)), *drawn])
            agree[i] = self_consistency(own, others)
            spread[i] = -semantic_entropy(others)
            weighted[i] = -likelihood_semantic_entropy(others, [mean_log_prob(each.answer) for each in drawn])
            advance(done)
    passes = float(np.mean([sum(len(answer.answer_ids) for answer in samples.answers[i.question_id]) for i in ids]))
    return [
        Confidence("self-consistency", Family.SAMPLES, agree, passes),
        Confidence("semantic entropy", Family.SAMPLES, spread, passes),
        Confidence("semantic entropy, by likelihood", Family.SAMPLES, weighted, passes),
    ]
