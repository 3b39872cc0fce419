"""Logs that stand in several files, or in tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.questions.log_rows import from_rows, write
from typer.testing import CliRunner

from truthmap.cli.app import app
from truthmap.errors import QuestionsError
from truthmap.questions.loading import load_questions
from truthmap.records import Outcome, Question

ASKED = [{"custom_id": n, "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [
    {"role": "user", "content": f"Where is city {n}?"}]}} for n in "ab"]  # fmt: skip
CAME = [
    {"custom_id": "b", "response": {"status_code": 200, "body": {"choices": [{"message": {
        "role": "assistant", "content": "In Peru."}}]}}, "error": None},
    {"custom_id": "a", "response": {"status_code": 500, "body": {}}, "error": None},
]  # fmt: skip
GOLD = [{"id": "a", "answer": "Chile"}, {"id": "b", "answer": "Peru"}]


def test_batch_files_are_joined_by_id(tmp_path: Path) -> None:
    came, asked = write(tmp_path / "out.jsonl", CAME), write(tmp_path / "in.jsonl", ASKED)
    gold, whole = write(tmp_path / "gold.jsonl", GOLD), tmp_path / "questions.jsonl"
    told = ["import", str(came), "--join", str(asked), "--join", str(gold), "--out", str(whole)]
    done = CliRunner().invoke(app, told, catch_exceptions=False)
    assert done.exit_code == 0
    assert load_questions(str(whole)).questions == (
        Question("b", "Where is city b?", ("Peru",), answer="In Peru."),
    )  # fmt: skip


@pytest.mark.parametrize(("rows", "told"), [(CAME, "not what was asked"), (ASKED, "no accepted answers")])
def test_half_of_a_batch_says_what_to_join(tmp_path: Path, rows: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(QuestionsError, match=f"{told}.*truthmap import .* --join"):
        load_questions(str(write(tmp_path / "half.jsonl", rows)))


def test_replies_of_the_other_endpoints_are_read(tmp_path: Path) -> None:
    bodies = [
        {"choices": [{"text": "Peru"}]},
        {"output": [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": "Peru"}]}]},
    ]
    rows = [{"custom_id": "b", "response": {"status_code": 200, "body": body}, "question": "q"} for body in bodies]
    for row in rows:
        (question,) = from_rows([row], question="question", accepted="response.status_code").questions
        assert question.answer == "Peru"


def test_chat_lines_that_end_with_the_answer() -> None:
    said = [{"role": "user", "content": "Where is Lima?"}, {"role": "assistant", "content": "In Peru."}]
    (question,) = from_rows([{"messages": said, "answer": "Peru", "id": 7}]).questions
    assert question == Question("7", "Where is Lima?", ("Peru",), answer="In Peru.")


def lighteval(**changes: Any) -> dict[str, Any]:
    doc = {"query": "Where is Lima?", "choices": ["Chile", "Peru"], "gold_index": 1, "id": "3"}
    response = {"input": "Q: Where is Lima?\nA:", "text": ["Peru"], "reasonings": [None], "logprobs": []}
    return {"doc": doc, "model_response": {**response, **changes}, "metric": {"em": 1.0}}


@pytest.mark.parametrize(
    ("changes", "answer"),
    [({}, "Peru"), ({"text": [], "logprobs": [-3.5, -0.5]}, "Peru"), ({"text": [], "logprobs": [-0.1, -0.5]}, "Chile")],
)
def test_lighteval_details(tmp_path: Path, changes: dict[str, Any], answer: str) -> None:
    pq.write_table(pa.Table.from_pylist([lighteval(**changes)]), tmp_path / "details.parquet")
    (question,) = load_questions(str(tmp_path / "details.parquet")).questions
    assert (question.answer, question.accepted, question.outcome) == (answer, ("Peru",), Outcome.RIGHT)
    assert (question.id, question.text, question.prompt) == ("3", "Where is Lima?", "Q: Where is Lima?\nA:")


def test_older_lighteval_details() -> None:
    row = {"example": "Where is Lima?", "full_prompt": "Q: Where is Lima?\nA:", "predictions": [" Peru"],
           "gold": ["Peru"], "choices": [], "gold_index": [0], "metrics": {"qem": 1}}  # fmt: skip
    (question,) = from_rows([row]).questions
    assert (question.answer, question.accepted) == (" Peru", ("Peru",))
    with pytest.raises(QuestionsError, match="nothing here evaluates"):
        from_rows([{**row, "metrics": "{'qem': 1}"}])
