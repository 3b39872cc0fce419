"""Grading in a run: other rules, models that help, resume, and own files from end to end."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.small_study import small_study

from truthmap.analyses.compare.measure import Family
from truthmap.analyses.compare.run import compare_run
from truthmap.analyses.samples.run import sample_answers
from truthmap.answers.prompted import LocalTextModel
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.execution.models import graders_of
from truthmap.files import file_digest
from truthmap.grading.reply_cache import CachedModel
from truthmap.grading.text_model import NO_GRADERS, EndpointTextModel, Graders
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel
from truthmap.pipeline.runner import run_study
from truthmap.questions.columns import Columns
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Outcome
from truthmap.runs.data import RunData
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Silence


class Killed(BaseException):
    """Stands for a kill."""


class Counted:
    """A locator that copies the first word of an answer, counts its prompts, and is killed at a chosen one."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.prompts = 0
        self.kill_at = kill_at

    def ask(self, prompts: Sequence[str]) -> list[str]:
        self.prompts += len(prompts)
        if self.kill_at is not None and self.prompts > self.kill_at:
            raise Killed
        answers = [prompt.rpartition("Answer: ")[2].partition("\nPiece:")[0] for prompt in prompts]
        return [next((w for w in text.split() if w.isalpha()), "NONE") for text in answers]


@pytest.fixture
def study(tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    return small_study(tiny_model, tmp_path / "run")


@contextmanager
def graded_by(text_model: Counted, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("truthmap.execution.active_run.graders_of", lambda *_: Graders(locator=text_model))
        yield


def test_another_rule_redoes_the_grades_and_not_the_answers(done: Study) -> None:
    run_study(done)
    answers = file_digest(done.out / "answers.parquet")
    stamp = (done.out / "answers.parquet").stat().st_mtime_ns
    run = run_study(with_settings(done, {"grading": GradingRule.ALIAS}), update=True)
    assert {grade.rule for grade in RunData.load(run).grades} == {"alias"}
    assert file_digest(done.out / "answers.parquet") == answers
    assert (done.out / "answers.parquet").stat().st_mtime_ns == stamp


@pytest.mark.slow
def test_a_locator_is_asked_once_for_each_answer_also_after_a_kill(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study = with_settings(study, {"grading": GradingRule.ALIAS, "locator": "same"})
    whole, killed, rest = Counted(), Counted(kill_at=70), Counted()
    with graded_by(whole, monkeypatch):
        reference = run_study(with_settings(open_study, {"out": study.out.parent / "whole"}))
    with graded_by(killed, monkeypatch), pytest.raises(Killed):
        run_study(open_study)
    with graded_by(rest, monkeypatch):
        run = run_study(open_study)
    assert RunData.load(run).grades == RunData.load(reference).grades
    assert file_digest(run.path / "grid.parquet") == file_digest(reference.path / "grid.parquet")
    # A locator may be asked again in other words; a finished shard is not asked again.
    assert whole.prompts >= len(RunData.load(run).answers) - run.summary.unscored - run.summary.refusals
    assert 0 < rest.prompts < whole.prompts
    assert not (run.path / "grade-parts").exists()


def test_the_studied_model_itself_locates(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, stand_in = LocalTextModel.ask, Counted()

    def asked(model: LocalTextModel, prompts: Sequence[str]) -> list[str]:
        assert len(ask(model, prompts)) == len(prompts)
        return stand_in.ask(prompts)  # the random model copies nothing

    monkeypatch.setattr(LocalTextModel, "ask", asked)
    run = run_study(with_settings(study, {"grading": GradingRule.ALIAS, "locating": Locating.MODEL}))
    texts = {answer.question_id: answer.text for answer in RunData.load(run).answers}
    spans = {grade: grade.span for grade in RunData.load(run).grades if grade.span is not None}
    assert spans
    for grade, span in spans.items():
        assert texts[grade.question_id][span.start : span.end] == grade.exact_answer


def test_a_local_text_model_answers_in_order(tiny_model: Path) -> None:
    text_model = LocalTextModel(load_model(str(tiny_model)), batch_tokens=2048)
    prompts = ["Peru", "France " * 200, "Which city is in Japan?"]
    replies = text_model.ask(prompts)
    assert replies[1] == ""
    assert [text_model.ask([prompt])[0] for prompt in prompts] == replies


def test_graders_are_named_by_same_by_model_or_by_address(study: Study, tiny_model: Path) -> None:
    chosen = with_settings(study, {"grading": GradingRule.JUDGE, "judge": "http://127.0.0.1:1/v1#m", "locator": "same"})
    lm = load_model(str(tiny_model))
    graders = graders_of(chosen, Task(GradingRule.JUDGE, Locating.MODEL), lambda: lm, Silence())
    assert isinstance(graders.judge, CachedModel)
    assert isinstance(graders.judge.model, EndpointTextModel)
    assert graders.judge_name == "http://127.0.0.1:1/v1#m"
    assert isinstance(graders.locator, LocalTextModel)
    assert graders.locator.model is lm
    other = graders_of(
        with_settings(chosen, {"model": "another", "locator": str(tiny_model)}),
        Task(GradingRule.NUMBER, Locating.MODEL),
        lambda: lm,
        Silence(),
    )
    assert isinstance(other.locator, LocalTextModel)
    assert other.locator.model is not lm
    assert other.judge is None


def test_graders_that_no_rule_needs_are_not_opened(study: Study) -> None:
    named = with_settings(study, {"judge": "same", "locator": "same"})
    assert graders_of(named, Task(GradingRule.NUMBER), lambda: pytest.fail("loads a model"), Silence()) == NO_GRADERS


def test_a_judge_must_be_named_before_anything_is_generated(study: Study) -> None:
    with pytest.raises(UsageError, match=r"graded by a judge: name one with --judge"):
        run_study(with_settings(study, {"grading": GradingRule.JUDGE}))
    assert not study.out.exists()


def write_own(path: Path, questions: QuestionSet, texts: dict[str, str]) -> None:
    """Write an own file: ready answers, ready outcomes and exact answers; two bad rows."""
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["Frage", "gold", "response", "outcome", "exact_answer"])
        for number, question in enumerate(questions.questions):
            text = texts[question.id]
            word = next((word for word in text.split() if word in text), text)
            writer.writerow([question.text, "x", text, "right" if number % 2 else "wrong", word])
        writer.writerow(["", "x", "y", "right", "y"])
        writer.writerow(["What?", "x", "y", "who knows", "y"])


def require_own_log_probs(lm: LanguageModel, answers: Sequence[Answer]) -> None:
    """See that answers have the log-probabilities that the model gives their tokens in a pass over all of them."""
    for answer in answers[:3]:
        ids = torch.tensor([[*answer.prompt_ids, *answer.answer_ids]])
        with torch.inference_mode():
            all_log_probs = lm.model(ids).logits[0].float().log_softmax(-1)
        start = len(answer.prompt_ids)
        own = [all_log_probs[start - 1 + n, i].item() for n, i in enumerate(answer.answer_ids)]
        assert answer.log_probs == pytest.approx(own, abs=1e-4)
    assert all(len(answer.log_probs) == len(answer.answer_ids) > 0 for answer in answers)


def test_ready_answers_with_human_labels_are_mapped_as_they_are(
    tiny_model: Path, spoken: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("Peru", "France and Japan", "the city of Paris", "Germany is a country")
    texts = {question.id: words[n % 4] for n, question in enumerate(spoken.questions)}
    write_own(tmp_path / "own.csv", spoken, texts)
    said: list[str] = []

    class News(Silence):
        def say(self, text: str) -> None:
            said.append(text)

    study = Study(
        model=str(tiny_model),
        questions=str(tmp_path / "own.csv"),
        columns=Columns(question="Frage", accepted="gold"),
        skip_bad=True,
        out=tmp_path / "run",
    )
    run = run_study(study, progress=News())
    assert said[0] == "skipped 2 of 162 rows: 1 empty, 1 a value that is not understood"
    assert {answer.text for answer in RunData.load(run).answers} == set(words)
    require_own_log_probs(load_model(str(tiny_model)), RunData.load(run).answers)
    comparison = compare_run(run, ask_model=False)
    assert any(method.family is Family.LOG_PROB for method in comparison.methods)
    assert any("the answers came with their questions" in note for note in comparison.notes)
    with pytest.raises(UsageError, match=r"nothing to sample in .*: all its answers came with their questions"):
        sample_answers(run)
    assert (run.summary.right, run.summary.wrong) == (80, 80)
    assert run.summary.found_right == run.summary.found_wrong == 1.0
    note = json.loads((run.path / "stages.json").read_text())["questions"]["note"]
    assert {name: note[name] for name in ("rows", "skipped")} == {
        "rows": 162,
        "skipped": {"empty": 1, "a value that is not understood": 1},
    }


def test_every_run_leaves_an_audit_even_where_no_map_can_be_drawn(done: Study, spoken_set: QuestionSet) -> None:
    audit = RunData.load(run_study(done)).audit
    assert audit.right.n + audit.wrong.n + sum(audit.unscored.values()) == 160
    assert audit.right.rate == audit.wrong.rate == 1.0
    assert (audit.agreeing, audit.compared) == (audit.right.n, audit.right.n)
    other = with_settings(done, {"out": done.out.parent / "other", "grading": GradingRule.NUMBER})
    with pytest.raises(NotEnoughDataError):
        run_study(other)
    unfinished = RunData(Run(run_folder(other.out), last="grades"))
    assert unfinished.audit.right.n == 0
    assert all(grade.outcome is not Outcome.RIGHT for grade in unfinished.grades)


def test_a_set_keeps_its_locating_where_its_own_rule_is_named(
    study: Study, spoken_set: QuestionSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from truthmap.study.stage_settings import _task

    own = replace(spoken_set.task, grading=GradingRule.ALIAS, locating=Locating.MODEL)
    assert _task(study, own).locating is Locating.NAME  # nobody was named who could locate
    assert _task(with_settings(study, {"locator": "same"}), own).locating is Locating.MODEL
    number = with_settings(study, {"grading": GradingRule.NUMBER})
    assert _task(number, own).locating is Locating.RULE
    assert _task(with_settings(study, {"locating": Locating.GOLD}), own).locating is Locating.GOLD
