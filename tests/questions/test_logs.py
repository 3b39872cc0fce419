"""Logs of evaluation tools as questions: real ones, their kinds of values, and hostile ones."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.questions.log_rows import LOGS, from_rows, right, write
from typer.testing import CliRunner

from truthmap.cli.app import app
from truthmap.errors import QuestionsError
from truthmap.questions.loading import QuestionSettings, load_questions, question_set_of_rows
from truthmap.questions.logs.inspect_file import InspectReading, read_inspect, require_bounded
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.readers import Row
from truthmap.questions.tasks import GradingRule
from truthmap.records import Outcome

LM_EVAL = {"generate": 6, "choice": 6, "template": 3, "served": 3}
"""Right answers of each log, as lm-eval itself counted them."""


def stand_in(name: str) -> InspectReading:
    """Give what inspect_ai's reader gave of a real log, without inspect_ai."""

    def samples(_path: str) -> Iterator[Any]:
        for line in (LOGS / f"{name}_samples.jsonl").read_text().splitlines():
            sample = json.loads(line)
            yield SimpleNamespace(model_dump=lambda mode, include, sample=sample: sample)

    epochs = 2 if name == "inspect_epochs" else 1
    header = SimpleNamespace(eval=SimpleNamespace(config=SimpleNamespace(epochs=epochs)))
    return InspectReading(lambda _path: header, samples)


def from_inspect(name: str = "inspect", **columns: Any) -> QuestionSet:
    values = read_inspect(LOGS / "inspect_samples.jsonl".replace(".jsonl", ".json"), stand_in(name))
    return from_rows(values, **columns)


@pytest.fixture(autouse=True)
def plain_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stand-in's name stand for a file that is small."""
    monkeypatch.setattr("truthmap.questions.logs.inspect_file.require_bounded", lambda _path: None)


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LOGS / "lm_eval_generate.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", LM_EVAL)
def test_outcomes_of_lm_eval_are_those_it_counted(name: str) -> None:
    found = load_questions(str(LOGS / f"lm_eval_{name}.jsonl"))
    assert right(found) == LM_EVAL[name]
    assert len(found.questions) == 10
    assert found.task.grading is GradingRule.READY
    assert found.report.log is not None
    assert found.report.log.tool == "lm-evaluation-harness"
    assert {question.accepted[0] for question in found.questions} >= {"Lima", "Paris", "Canberra"}


def test_a_few_shot_prompt_is_kept_as_it_was_sent(lines: list[dict[str, Any]]) -> None:
    found = load_questions(str(LOGS / "lm_eval_generate.jsonl"))
    assert [q.prompt for q in found.questions] == [line["arguments"]["gen_args_0"]["arg_0"] for line in lines]
    assert [q.answer for q in found.questions] == [line["resps"][0][0] for line in lines]
    assert found.questions[0].text == "What is the capital of Peru?"


def test_the_likeliest_continuation_stands_for_the_answer() -> None:
    found = load_questions(str(LOGS / "lm_eval_choice.jsonl")).questions
    assert (found[0].answer, found[0].accepted) == (" Lima", ("Lima",))
    agree = [(question.answer or "").strip() in question.accepted for question in found]
    assert agree == [question.outcome is Outcome.RIGHT for question in found]


def test_messages_are_a_conversation() -> None:
    question = load_questions(str(LOGS / "lm_eval_served.jsonl")).questions[0]
    assert question.prompt is None
    assert [message.role for message in question.turns] == ["user", "assistant"] * 2
    assert question.text.startswith("Q: What is the capital of Peru?")


def test_outcomes_of_inspect_are_those_it_counted() -> None:
    found = from_inspect()
    assert right(found) == 8
    assert found.questions[0].turns[0].content == "Answer in a few words."
    assert found.questions[8].accepted == ("Brasília", "Brasilia")


def test_epochs_of_a_sample_are_one_group() -> None:
    found = from_inspect("inspect_epochs").questions
    assert sorted(q.id for q in found) == [f"c0{n}_epoch_{epoch}" for n in (1, 2, 3) for epoch in (1, 2)]
    assert {q.group for q in found} == {"c01", "c02", "c03"}


def test_another_scorer_needs_a_threshold_if_its_scores_are_no_outcomes() -> None:
    assert "--right-at" in str(from_inspect(outcome="f1").report.issues[0])
    assert from_inspect(outcome="f1").report.issues[0].column == "scores.f1.value"
    samples = (LOGS / "inspect_samples.jsonl").read_text().splitlines()
    scores = [json.loads(line)["scores"]["f1"]["value"] for line in samples]
    assert right(from_inspect(outcome="f1", right_at=0.3)) == sum(score >= 0.3 for score in scores) > 0


def sample(**changes: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "Where is Lima?"}, {"role": "assistant", "content": "Peru"}]
    plain = {"id": 1, "epoch": 1, "input": "", "messages": said, "scores": {"s": {"value": "C"}}, "epochs": 1}
    return {**plain, "target": "Peru", "error": None, **changes}


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("C", "right"),
        ("I", "wrong"),
        ("N", "unscored"),
        (1, "right"),
        (0.0, "wrong"),
        (True, "right"),
        ([1.0], "right"),
    ],
)
def test_values_of_inspect_scorers(value: Any, outcome: str) -> None:
    (question,) = from_rows([sample(scores={"s": {"value": value}})]).questions
    assert question.outcome == outcome


def test_what_the_model_thought_stands_before_its_answer() -> None:
    parts = [{"type": "reasoning", "reasoning": "In Peru."}, {"type": "text", "text": "Peru"}]
    said = [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}, {"role": "assistant", "content": parts}]
    (question,) = from_rows([sample(messages=said)]).questions
    assert (question.text, question.answer) == ("Where?", "<think>\nIn Peru.\n</think>\n\nPeru")


@pytest.mark.parametrize(
    "changes",
    [
        {"error": {"message": "boom"}},
        {"messages": []},
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": ""}]},
    ],
)
def test_samples_without_an_answer_are_left_out_and_counted(changes: Mapping[str, Any]) -> None:
    found = from_rows([sample(), sample(id=2, **changes)])
    assert (len(found.questions), found.report.left_out, found.report.bad) == (1, 1, 0)


@pytest.mark.parametrize(
    "said",
    [
        [{"role": "user", "content": [{"type": "image", "image": "x"}]}, {"role": "assistant", "content": "y"}],
        [{"role": "tool", "content": "x"}, {"role": "assistant", "content": "y"}],
        [{"role": "user"}, {"role": "assistant", "content": "y"}],
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": [["y"]]}],
        [{"role": "user", "content": 5}, {"role": "assistant", "content": "y"}],
    ],
)
def test_messages_that_no_text_model_can_be_sent_are_bad_rows(said: list[Any]) -> None:
    found = from_rows([sample(), sample(id=2, messages=said)])
    assert (len(found.questions), found.report.bad) == (1, 1)


@pytest.mark.parametrize("element", [1.0, [1.0], [[1]], True, [True], "1"])
def test_lists_of_one_element_are_values(lines: list[dict[str, Any]], element: Any) -> None:
    assert right(from_rows([{**line, "exact_match": element} for line in lines], outcome="exact_match")) == 10


def test_a_threshold_is_met_by_the_score_itself(lines: list[dict[str, Any]]) -> None:
    scored = [{**line, "metrics": ["f1"], "f1": n / 10} for n, line in enumerate(lines)]
    assert right(from_rows(scored, right_at=0.7)) == 3
    with pytest.raises(QuestionsError, match=r"f1 \(filter strip\).*--right-at"):
        question_set_of_rows("log", [Row(n, each) for n, each in enumerate(scored)], QuestionSettings())


def test_a_binary_metric_is_taken_before_a_score(lines: list[dict[str, Any]]) -> None:
    found = from_rows([{**line, "metrics": ["f1", "exact_match"], "f1": 0.4} for line in lines])
    assert right(found) == 6


def test_metrics_are_named_with_their_filter(lines: list[dict[str, Any]]) -> None:
    both = [
        {**line, "filter": name, "exact_match": name == "flexible"} for line in lines for name in ("strict", "flexible")
    ]
    assert right(from_rows(both, outcome="exact_match,flexible")) == 10
    assert right(from_rows(both)) == 0
    with pytest.raises(QuestionsError, match="no metric 'bleu'; it has exact_match, chrf"):
        from_rows(both, outcome="bleu")


def test_columns_inside_a_row_are_named_with_dots(lines: list[dict[str, Any]]) -> None:
    assert from_rows(lines, accepted="doc.answers").questions[6].accepted == ("Naypyidaw", "Nay Pyi Taw")


@pytest.mark.parametrize("key", ["doc", "arguments", "resps", "target", "doc_id"])
@pytest.mark.parametrize("junk", [None, [], {}, 5, "x", [[[]]], {"gen_args_0": 5}])
def test_any_value_anywhere_makes_a_question_or_a_counted_fault(
    lines: list[dict[str, Any]], key: str, junk: Any
) -> None:
    found = from_rows([*lines[:2], {**lines[2], key: junk}])
    assert len(found.questions) + found.report.bad + found.report.left_out == 3


def test_rows_of_something_else_are_counted(lines: list[dict[str, Any]]) -> None:
    found = from_rows([lines[0], {"hello": 1}])
    assert "no row of a log of lm-evaluation-harness" in str(found.report.issues[0])


@pytest.mark.parametrize("name", [*(f"lm_eval_{name}" for name in LM_EVAL)])
def test_import_shows_what_became_what_and_writes_it(name: str, tmp_path: Path) -> None:
    log, whole = LOGS / f"{name}.jsonl", tmp_path / "questions.jsonl"
    done = CliRunner().invoke(app, ["import", str(log), "--out", str(whole)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "What the log does not tell" in done.output
    assert "10 rows: 10 questions" in done.output
    assert load_questions(str(whole)).questions == load_questions(str(log)).questions


def test_a_log_with_bad_rows_is_imported_with_exit_code_1(lines: list[dict[str, Any]], tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", [*lines, {"no": "log"}])
    done = CliRunner().invoke(app, ["import", str(log), "--out", str(tmp_path / "q.jsonl")])
    assert done.exit_code == 1
    assert len(load_questions(str(tmp_path / "q.jsonl")).questions) == 10


def bomb(path: Path, *, honest: bool) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/a.json", b"0" * 3_000_000)
    content = path.read_bytes()
    lie = content if honest else content.replace((3_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert honest or lie != content
    path.write_bytes(lie)
    return path


@pytest.mark.parametrize("honest", [True, False])
def test_a_log_that_unfolds_without_end_is_refused(tmp_path: Path, honest: bool) -> None:
    path = bomb(tmp_path / "bomb.eval", honest=honest)
    with pytest.raises(QuestionsError, match="unfolds to more than 2,000,000"):
        require_bounded(path, most_member=2_000_000)
    with pytest.raises(QuestionsError, match="unfolds to more than 1,000,000"):
        require_bounded(path, most_unpacked=1_000_000)
    require_bounded(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no directory", b"\x00" * 500])
def test_what_is_no_zip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.eval").write_bytes(content)
    with pytest.raises(QuestionsError, match="is no log of inspect_ai"):
        require_bounded(tmp_path / "x.eval")


@pytest.mark.parametrize("name", ["inspect", "inspect_epochs"])
def test_the_real_reader_gives_the_same(name: str) -> None:
    pytest.importorskip("inspect_ai", reason="the extra inspect is not installed")
    assert load_questions(str(LOGS / f"{name}.eval")).questions == from_inspect(name).questions


def test_without_the_extra_a_log_of_inspect_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "inspect_ai.log", None)
    with pytest.raises(QuestionsError, match=r"truthmap\[inspect\]"):
        load_questions(str(LOGS / "inspect.eval"))
