"""P(wrong) beside every answer: no probe has seen the answer that it scores, and logs keep all that they had."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from truthmap.detector.artifact import load_artifact
from truthmap.detector.config import Role
from truthmap.detector.reading import Reading
from truthmap.detector.score import judge
from truthmap.errors import RunFolderError, UsageError
from truthmap.pipeline import seal
from truthmap.pipeline.answer_scores import NO_DETECTOR, AnswerScore, RunScores, score_own_answers
from truthmap.pipeline.score_logs.base import KEY, ScoredLog, claims_of, sample_entry
from truthmap.pipeline.score_logs.csv_table import write_csv
from truthmap.pipeline.score_logs.inspect_samples import write_inspect
from truthmap.pipeline.score_logs.lm_eval_samples import write_lm_eval
from truthmap.pipeline.seal import seal_detector
from truthmap.questions.columns import Columns
from truthmap.questions.loading import load_questions
from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Grade, Outcome, Question, Span, Split
from truthmap.runs.cells import chosen_cell, unseen_scores
from truthmap.runs.data import RunData
from truthmap.runs.run import Run, open_run

LOGS = Path(__file__).parents[1] / "questions" / "logs"


class Known:
    """What a log's writer asks of a run: its questions and where it is."""

    class run:
        address = "runs/made"

    def __init__(self, questions: tuple[Question, ...]) -> None:
        self.questions_by_id = {question.id: question for question in questions}


def row(question: str, p_wrong: float | None, claim: int = 0) -> AnswerScore:
    verdict = "no claim" if p_wrong is None else "trusted" if p_wrong < 0.5 else "not trusted"
    return AnswerScore(
        question_id=question, sample=0, claim=claim, outcome=Outcome.RIGHT, split=Split.TEST, score=0.5,
        p_wrong=p_wrong, verdict=verdict, caveats=(),
    )  # fmt: skip


def scored_log(path: Path, without: int = 0) -> ScoredLog:
    questions = load_questions(str(path)).questions[without:]
    numbers = [None if n == 1 else n / 16 for n in range(len(questions))]
    rows = tuple(row(question.id, number) for question, number in zip(questions, numbers, strict=True))
    return ScoredLog(path, Known(questions), RunScores(rows, "runs/made/detector"), Columns())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["lm_eval_generate", "lm_eval_choice", "lm_eval_template", "lm_eval_served"])
def test_lines_of_lm_eval_keep_every_byte(name: str, tmp_path: Path) -> None:
    log = scored_log(LOGS / f"{name}.jsonl", without=1)
    count = write_lm_eval(log, tmp_path / "out.jsonl")
    before, after = log.path.read_bytes().splitlines(), (tmp_path / "out.jsonl").read_bytes().splitlines()
    said = [json.loads(line)[KEY] for line in after]
    assert [line[: len(old) - 1] + b"}" for line, old in zip(after, before, strict=True)] == before
    assert said[0] is None
    assert [each["p_wrong"] for each in said[1:4]] == [0.0, None, 0.125]
    assert count == len(before) - 1
    assert load_questions(str(tmp_path / "out.jsonl")).questions == load_questions(str(log.path)).questions


def test_scoring_a_scored_log_again_replaces_what_is_said(tmp_path: Path) -> None:
    log = scored_log(LOGS / "lm_eval_generate.jsonl")
    write_lm_eval(log, tmp_path / "once.jsonl")
    again = ScoredLog(tmp_path / "once.jsonl", log.data, log.scores, log.columns)
    write_lm_eval(again, tmp_path / "twice.jsonl")
    texts = [(tmp_path / f"{name}.jsonl").read_text() for name in ("once", "twice")]
    once, twice = ([json.loads(line) for line in text.splitlines()] for text in texts)
    assert once == twice


def test_another_log_is_refused(tmp_path: Path) -> None:
    log = scored_log(LOGS / "lm_eval_generate.jsonl")
    other = ScoredLog(LOGS / "lm_eval_served.jsonl", log.data, log.scores, log.columns)
    with pytest.raises(UsageError, match="is not what runs/made read: name the log"):
        write_lm_eval(other, tmp_path / "out.jsonl")
    lines = log.path.read_text().splitlines(keepends=True)
    (tmp_path / "half.jsonl").write_text("".join(lines[:4]))
    half = ScoredLog(tmp_path / "half.jsonl", log.data, log.scores, log.columns)
    with pytest.raises(UsageError, match=f"lacks {len(lines) - 4} of the {len(lines)} questions"):
        write_lm_eval(half, tmp_path / "out.jsonl")
    with pytest.raises(UsageError, match="is no log of inspect_ai"):
        write_inspect(log, tmp_path / "out.eval")
    assert not (tmp_path / "out.jsonl").exists()


def test_of_several_claims_the_most_doubtful_stands_for_the_answer() -> None:
    claims = claims_of([row("a", 0.2), row("a", 0.7, claim=1), row("a", None, claim=2)])["a"]
    entry = sample_entry(claims, None)
    assert (entry["p_wrong"], entry["verdict"]) == (0.7, "not trusted")
    assert [claim["p_wrong"] for claim in entry["claims"]] == [0.2, 0.7, None]


@pytest.mark.parametrize(("name", "ending"), [("inspect.eval", ".eval"), ("inspect_epochs.eval", ".json")])
def test_a_log_of_inspect_gets_one_more_scorer(name: str, ending: str, tmp_path: Path) -> None:
    reading = pytest.importorskip("inspect_ai.log", reason="needs the extra inspect")
    log = scored_log(LOGS / name)
    assert write_inspect(log, tmp_path / f"out{ending}") == len(log.scores.rows)
    before, after = (reading.read_eval_log(str(path)) for path in (log.path, tmp_path / f"out{ending}"))
    for old, new in zip(before.samples, after.samples, strict=True):
        said = new.scores.pop(KEY)
        assert said.metadata["detector"] == "runs/made/detector"
        assert said.value["p_wrong"] == said.metadata["p_wrong"]
        assert new.model_dump() == old.model_dump()
    assert after.results == before.results
    assert load_questions(str(tmp_path / f"out{ending}")).questions == load_questions(str(log.path)).questions


@pytest.fixture(scope="module")
def sealed_run(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = open_run(shutil.copytree(made_once, tmp_path_factory.mktemp("scored") / "run"))
    kept = RunData.load(run)
    with pytest.MonkeyPatch.context() as patch:
        of_run = run.settings["questions"]
        load = lambda study, kept_in=None: _set_of(kept, of_run)  # noqa: E731
        patch.setattr(seal, "load_question_set", load)
        seal_detector(run, run.folder / "detector")
    return open_run(run.path)


def _set_of(data: RunData, of_run: dict[str, str]) -> QuestionSet:
    found = question_set(of_run["name"], data.questions, Task(GradingRule.CANDIDATES, max_new_tokens=10))
    return replace(found, digest=of_run["digest"])


def test_without_a_detector_there_is_a_score_alone(made_once: Path) -> None:
    data = RunData.load(open_run(made_once))
    found = score_own_answers(data)
    assert {row.verdict for row in found.rows} == {NO_DETECTOR}
    assert {row.p_wrong for row in found.rows} == {None}
    unseen = unseen_scores(data, chosen_cell(data))
    assert [row.score for row in found.rows] == [unseen.get(grade.key) for grade in data.grades]


def test_what_another_head_reads_is_never_accepted(sealed: Path) -> None:
    artifact = load_artifact(sealed)
    head = artifact.heads[Role.FALLBACK]
    grade = Grade("q", Outcome.RIGHT, "candidates", Span(0, 1), "", "P", "")
    judged = judge(artifact, Reading(head, 50.0, 0.0), grade, (), question_far=False)
    assert judged.trusted is False
    assert judged.p_wrong == pytest.approx(head.p_wrong(np.array([50.0]))[0])


@pytest.mark.slow
def test_no_answer_is_scored_by_a_probe_that_saw_it(sealed_run: Run, tmp_path: Path) -> None:
    data = RunData.load(sealed_run)
    found = score_own_answers(data)
    artifact = load_artifact(sealed_run.folder / "detector")
    head = artifact.heads[next(iter(artifact.heads))]
    scored = [row for row in found.rows if row.outcome is not Outcome.UNSCORED and row.score is not None]
    tested = [row for row in scored if row.split is Split.TEST]
    read = [row for row in tested if "no_exact_answer" not in row.caveats]
    y = np.array([row.outcome is Outcome.RIGHT for row in read])
    assert roc_auc_score(y, [row.score for row in read]) == pytest.approx(head.config.test.value, abs=0.1)
    claimed = [row for row in scored if row.p_wrong is not None]
    assert claimed
    expected = head.p_wrong(np.array([row.score for row in claimed]))
    assert [row.p_wrong for row in claimed] == pytest.approx(expected.tolist())
    seen = unseen_scores(data, chosen_cell(data))
    known = {grade.key: row for grade, row in zip(data.grades, found.rows, strict=True)}
    train = [key for key in seen if known[key].split is Split.TRAIN and known[key].score is not None]
    assert [known[key].score for key in train] == pytest.approx([seen[key] for key in train], abs=0.01)
    write_csv(ScoredLog(tmp_path, data, found, Columns()), tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["p_wrong"] for row in rows] == ["" if row.p_wrong is None else str(row.p_wrong) for row in found.rows]


@pytest.mark.slow
def test_a_detector_of_another_run_is_refused(sealed_run: Run, sealed: Path) -> None:
    with pytest.raises(RunFolderError, match="was not sealed from"):
        score_own_answers(RunData.load(sealed_run), sealed)
