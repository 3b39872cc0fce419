"""Every command with --json prints one document, which the schema that the site shows for it accepts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator
from tests.small_study import COLUMNS, SHUFFLES

from truthmap.cli.app import app, main
from truthmap.questions.question_set import QuestionSet
from truthmap.terminal.command import commands_of
from truthmap.terminal.reply import reply_schema

LOG = Path(__file__).parents[1] / "questions" / "logs" / "lm_eval_generate.jsonl"
TABLE = commands_of(typer.main.get_command(app))

RECIPES: dict[str, tuple[str, ...]] = {
    "run": (
        "--model",
        "MODEL",
        "--questions",
        "spoken",
        "--out",
        "RUN",
        "--device",
        "cpu",
        "--shard",
        "32",
        "--positions",
        ",".join(COLUMNS),
        "--permutations",
        str(SHUFFLES),
    ),
    "questions": (),
    "import": (str(LOG),),
    "audit": ("RUN",),
    "thought": ("RUN",),
    "early-exit": ("RUN",),
    "show": ("RUN",),
    "report": ("RUN", "--out", "FOLDER/page.html"),
    "export": ("RUN", "--to", "npz", "--out", "FOLDER/cell.npz"),
    "verify": ("RUN",),
    "runs list": ("FOLDER",),
    "runs compare": ("RUN", "OTHER"),
    "runs remove": ("OTHER/nothing", "--yes"),
}
"""Words that each command is given, in an order in which each finds what it needs."""
SLOW: dict[str, tuple[str, ...]] = {
    "sample": ("RUN", "--k", "2"),
    "compare": ("RUN", "--no-ask"),
    "controls": ("RUN", "--only", "within-same-answer"),
    "errors": ("RUN",),
    "select": ("RUN",),
    "transfer": ("RUN", "OTHER", "--out", "FOLDER/transfer"),
    "diff": ("OTHER", "RUN"),
    "labels": ("RUN", "FOLDER/labels.csv", "--column", "topic", "--permutations", "0"),
    "scores": ("RUN", "--to", "csv", "--out", "FOLDER/scores.csv"),
    "figure": ("RUN", "map", "--out", "FOLDER/map.png"),
    "detector": ("RUN", "--out", "FOLDER/detector"),
    "ask": ("SEALED", "Which 7 is 9?", "--answer", "Peru"),
    "plan": ("--model", "MODEL", "--questions", "500", "--gpus", "1", "--max-new-tokens", "20"),
    "doctor": ("--model", "MODEL", "--questions", "spoken", "--device", "cpu"),
    "serve": ("SEALED", "--host", "256.0.0.1"),
}
FAILING = {"thought", "early-exit", "runs remove", "audit", "serve"}
"""Those that find no thoughts, no run, nothing filled in, no such address: what they print is told as a fault is."""


@pytest.fixture(scope="module")
def places(
    tiny_model: Path, spoken: QuestionSet, made_once: Path, sealed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Yield what the capital words of the recipes stand for."""
    folder = tmp_path_factory.mktemp("json")
    load: Callable[..., QuestionSet] = lambda name, settings: spoken  # noqa: E731
    rows = "\n".join(f"{question.id},{n % 2}" for n, question in enumerate(spoken.questions))
    (folder / "labels.csv").write_text(f"id,topic\n{rows}\n")
    for name in ("run", "other"):
        shutil.copytree(made_once, folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", load)
        patch.setattr("truthmap.metrics.bootstrap.RESAMPLES", 50)
        yield {
            "RUN": str(folder / "run"), "OTHER": str(folder / "other"), "FOLDER": str(folder),
            "MODEL": str(tiny_model), "SEALED": str(sealed),
        }  # fmt: skip


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["truthmap", *words])
    monkeypatch.setattr("truthmap.terminal.output._documents.count", 0)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def check(
    command: str, words: tuple[str, ...], places: dict[str, str], patch: pytest.MonkeyPatch, capfd: Any
) -> dict[str, Any]:
    """Call a command with --json; return its document, after holding it against the command's schema."""
    for name, place in places.items():
        words = tuple(word.replace(name, place) for word in words)
    code = called(patch, *command.split(), *words, "--json")
    (line,) = capfd.readouterr().out.splitlines()
    document: dict[str, Any] = json.loads(line)
    Draft202012Validator(reply_schema(TABLE[command].callback)).validate(document)
    assert (code != 0) == (command in FAILING)
    return document


def test_every_command_is_tried() -> None:
    assert set(RECIPES) | set(SLOW) == set(TABLE)


@pytest.mark.parametrize("command", RECIPES)
def test_a_command_prints_one_document(
    command: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    document = check(command, RECIPES[command], places, monkeypatch, capfd)
    assert document
    assert ("error" in document) == (command in FAILING - {"audit"})


@pytest.mark.slow
@pytest.mark.parametrize("command", SLOW)
def test_a_slow_command_prints_one_document(
    command: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert check(command, SLOW[command], places, monkeypatch, capfd)


@pytest.mark.parametrize(
    "words", [("--version",), ("shw",), ("show",), ("show", "--nothing"), ("figure", "RUN", "map", "--dpi", "x")]
)
def test_misuse_is_told_as_a_document(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, *words, "--json") == 2
    shown = capfd.readouterr()
    error = json.loads(shown.out)["error"]
    assert error["kind"] == "UsageError"
    assert error["exit_code"] == 2
    assert error["message"]
    assert shown.err


@pytest.mark.slow
def test_each_question_of_a_pipe_gets_a_document(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = tmp_path / "asked.txt"
    asked.write_text("Which 7 is 9?\n\nWhich 1 is 2?\n")
    with asked.open() as lines:
        monkeypatch.setattr("sys.stdin", lines)
        assert called(monkeypatch, "ask", places["SEALED"], "--before", "--json") == 0
    documents = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [document["question"] for document in documents] == ["Which 7 is 9?", "Which 1 is 2?"]
