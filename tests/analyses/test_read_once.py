"""Each command reads each file of a run once: records are handed down, not parsed again."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pytest
from typer.testing import CliRunner

from truthmap import files
from truthmap.analyses.registry import ANALYSES
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.cli.app import app
from truthmap.questions.question_set import QuestionSet
from truthmap.runs import tables
from truthmap.runs.data import RunData
from truthmap.runs.file_names import LEDGER, SAMPLE_GRADES, SAMPLES
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run, open_run
from truthmap.runs.snapshot import Snapshot

COMMANDS: dict[str, tuple[str, ...]] = {
    "audit": ("audit", "RUN/audit.csv"),
    "compare": ("compare", "RUN"),
    "controls": ("controls", "RUN", "--only", "within-same-answer", "--only", "question-side"),
    "thought": ("thought", "THINKING"),
    "early_exit": ("early-exit", "THINKING"),
    "sample": ("sample", "RUN", "--k", "3", "--part", "test"),
    "errors": ("errors", "RUN"),
    "select": ("select", "RUN"),
    "transfer": ("transfer", "RUN", "OTHER", "--out", "OUT"),
    "diff": ("diff", "OTHER", "RUN"),
    "labels": ("labels", "RUN", "LABELS", "--column", "kind", "--permutations", "0"),
    "report": ("report", "RUN"),
    "figure": ("figure", "RUN", "roc", "--out", "OUT/roc.png"),
    "figure of an analysis": ("figure", "RUN", "risk", "--out", "OUT/risk.png"),
}

OF_PROGRAMS = {"thought": ("study.yaml", "questions.parquet"), "early_exit": ("study.yaml", "questions.parquet")}
"""What is read again where a program gave the questions, as it did here: the folder keeps their rule of grading."""


class Reads:
    """Counts how often each file is parsed; the ledger is left out: whoever works in a run must see it as it is now."""

    def __init__(self) -> None:
        self.counts: Counter[Path] = Counter()

    def count(self, path: Path) -> None:
        if path.name != LEDGER:
            self.counts[path.resolve()] += 1

    def more_than_once(self, folder: Path) -> dict[str, int]:
        """Return the files of a run that were parsed again and again.

        The store of states is left out, and samples, whose digests are taken when they are written.
        """
        inside = {path: n for path, n in self.counts.items() if folder in path.parents}
        others = {path: n for path, n in inside.items() if path.name not in (SAMPLES, SAMPLE_GRADES)}
        return {path.name: n for path, n in others.items() if n > 1 and "states" not in path.parent.name}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Count what is opened to be parsed; checking a file's digest when the run is opened is not counted."""
    found, of_run, by_path = Reads(), Snapshot.open, files.open_regular

    def open_of_run(snapshot: Snapshot, name: str) -> BinaryIO:
        found.count(snapshot.folder.path / name)
        return of_run(snapshot, name)

    def open_by_path(path: files.AnyPath, most: int) -> BinaryIO:
        found.count(Path(path))
        return by_path(path, most)

    monkeypatch.setattr(Snapshot, "open", open_of_run)
    monkeypatch.setattr(files, "open_regular", open_by_path)
    monkeypatch.setattr(tables, "open_regular", open_by_path)
    return found


PLACES = {"RUN": "run", "OTHER": "other", "THINKING": "thinking", "OUT": "out", "LABELS": "labels.csv"}
"""What the words of a command stand for."""


@pytest.fixture(scope="module")
def prepared(thinking: Run, made_once: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run that has samples and a comparison, and with all that goes with it."""
    folder = tmp_path_factory.mktemp("prepared")
    for source, name in ((made_once, "run"), (made_once, "other"), (thinking.path, "thinking")):
        shutil.copytree(source, folder / name)
    run = open_run(folder / "run")
    questions = RunData.load(run).questions
    kinds = ["ab"[n % 2] for n in range(len(questions))]
    pd.DataFrame({"id": [question.id for question in questions], "kind": kinds}).to_csv(folder / "labels.csv")
    sample = pd.read_csv(run.path / "audit.csv", keep_default_na=False, dtype=str)
    sample["outcome_by_hand"] = ["right" if n % 3 else "wrong" for n in range(len(sample))]
    sample.to_csv(run.path / "audit.csv", index=False)
    (folder / "out").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", lambda name, settings: spoken)
        patch.setattr("truthmap.metrics.bootstrap.RESAMPLES", 50)
        sample_answers(run, SampleSettings(k=4))
        call(("compare", "RUN", "--no-ask"), {"RUN": str(run.path)})
    return folder


@pytest.fixture
def places(prepared: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return where the words of a command are, in a copy of what was prepared."""
    monkeypatch.setattr("truthmap.metrics.bootstrap.RESAMPLES", 50)
    shutil.copytree(prepared, tmp_path / "copy")
    return {word: str(tmp_path / "copy" / name) for word, name in PLACES.items()}


def call(words: tuple[str, ...], places: dict[str, str]) -> None:
    told = []
    for word in words:
        first, *rest = word.split("/")
        told.append("/".join([places.get(first, first), *rest]))
    done = CliRunner().invoke(app, told, catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_every_command_of_the_registry_is_tried() -> None:
    assert {analysis.name for analysis in ANALYSES} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_parses_each_file_once(name: str, places: dict[str, str], reads: Reads) -> None:
    call(COMMANDS[name], places)
    folders = [Path(places[word]) for word in ("RUN", "OTHER", "THINKING")]
    assert any(folder in path.parents for path in reads.counts for folder in folders)
    again = {name for folder in folders for name in reads.more_than_once(folder)}
    assert again <= set(OF_PROGRAMS.get(name, ()))


def test_records_cannot_be_changed_from_outside(made_once: Path) -> None:
    data = RunData.load(Run(run_folder(made_once)))
    cells = data.cells
    cells["auc"] = 0.0
    assert not (data.cells["auc"] == 0).all()
    with pytest.raises(TypeError):
        data.questions_by_id["q"] = data.questions[0]  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        data.out_of_fold().scores[:] = 0
    assert data.answers is data.answers
    assert data.grid() is data.grid()
