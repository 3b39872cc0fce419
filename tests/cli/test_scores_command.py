"""A log goes in and comes back with scores: read by a run, sealed, and written with P(wrong) beside every sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truthmap.cli.app import main
from truthmap.records import Outcome
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run


def called(patch: pytest.MonkeyPatch, *words: str) -> int:
    patch.setattr("sys.argv", ["truthmap", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def log(made_once: Path, tmp_path: Path) -> Path:
    """Return a log of lm-evaluation-harness with the answers that the tiny model gave."""
    data, rows = RunData.load(open_run(made_once)), []
    for number, grade in enumerate(data.grades):
        question, said = data.question_of(grade.key), data.answer_of(grade.key).text
        rows.append(
            {
                "doc_id": number, "doc": {"question": question.text}, "target": question.accepted[0],
                "arguments": {"gen_args_0": {"arg_0": f"Q: {question.text}\nA:", "arg_1": {}}}, "resps": [[said]],
                "filtered_resps": [said], "filter": "none", "metrics": ["exact_match"],
                "exact_match": float(grade.outcome is Outcome.RIGHT),
            }
        )  # fmt: skip
    path = tmp_path / "samples_task.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
def test_a_log_comes_back_with_scores(
    log: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("--questions", log.name, "--model", str(tiny_model), "--device", "cpu", "--permutations", "0")
    assert called(monkeypatch, "run", *asked, "--out", "run") == 0
    assert called(monkeypatch, "scores", "run", "--to", "lm-eval", "--out", "bare.jsonl") == 0
    assert called(monkeypatch, "detector", "run") == 0
    assert called(monkeypatch, "scores", "run", "--to", "lm-eval") == 0
    before = log.read_text().splitlines()
    bare, scored = (
        [json.loads(line) for line in Path(name).read_text().splitlines()]
        for name in ("bare.jsonl", "samples_task.scored.jsonl")
    )
    assert [row["truthmap"] and row["truthmap"]["p_wrong"] for row in bare if row["truthmap"]] != []
    assert {row["truthmap"]["verdict"] for row in bare if row["truthmap"]} == {"no detector"}
    assert {row["truthmap"]["verdict"] for row in scored if row["truthmap"]} <= {"trusted", "not trusted", "no claim"}
    assert any(row["truthmap"] and row["truthmap"]["p_wrong"] is not None for row in scored)
    for row, line in zip(scored, before, strict=True):
        del row["truthmap"]
        assert row == json.loads(line)
    assert called(monkeypatch, "scores", "run", "--to", "lm-eval", "--out", log.name) == 2
    assert called(monkeypatch, "scores", "run", "--to", "inspect") == 2
