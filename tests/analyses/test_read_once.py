"""Each command reads each file of a run once: records are handed down, not parsed again."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from truthmap.analyses.registry import ANALYSES
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.cli.app import app
from truthmap.runs import out_of_fold
from truthmap.runs.data import RunData
from truthmap.runs.file_names import LEDGER
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run

COMMANDS: dict[str, tuple[str, ...]] = {
    "audit": ("audit", "RUN/audit.csv"),
    "compare": ("compare", "RUN"),
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


class Reads:
    """Counts how often each file is parsed; the ledger is left out: whoever works in a run must see it as it is now."""

    def __init__(self) -> None:
        self.counts: Counter[Path] = Counter()

    def counted(self, read: Callable[..., Any]) -> Callable[..., Any]:
        def counting(source: Any, *rest: Any, **named: Any) -> Any:
            path = Path(source if isinstance(source, (str, Path)) else source.name)
            if path.name != LEDGER:
                self.counts[path.resolve()] += 1
            return read(source, *rest, **named)

        return counting

    def more_than_once(self, folder: Path) -> dict[str, int]:
        """Return the files of a run that were parsed again and again, the store of states left out."""
        inside = {path: n for path, n in self.counts.items() if folder in path.parents}
        return {path.name: n for path, n in inside.items() if n > 1 and "states" not in path.parent.name}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    found = Reads()
    for owner, name in (
        (pq, "read_table"), (pq, "ParquetFile"), (out_of_fold, "safe_open"), (Path, "read_text"), (Path, "read_bytes"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, found.counted(getattr(owner, name)))
    return found


@pytest.fixture
def places(finished: Run, made_once: Path, tmp_path: Path) -> dict[str, str]:
    """Return what the words of a command stand for: a run with samples and a comparison, and all that goes with it."""
    sample_answers(finished, SampleSettings(k=4))
    other = shutil.copytree(made_once, tmp_path / "other")
    labels = tmp_path / "labels.csv"
    questions = RunData.load(finished).questions
    kinds = ["ab"[n % 2] for n in range(len(questions))]
    pd.DataFrame({"id": [question.id for question in questions], "kind": kinds}).to_csv(labels)
    sample = pd.read_csv(finished.path / "audit.csv", keep_default_na=False, dtype=str)
    sample["outcome_by_hand"] = ["right" if n % 3 else "wrong" for n in range(len(sample))]
    sample.to_csv(finished.path / "audit.csv", index=False)
    (tmp_path / "out").mkdir()
    return {"RUN": str(finished.path), "OTHER": str(other), "OUT": str(tmp_path / "out"), "LABELS": str(labels)}


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
    call(("compare", "RUN", "--no-ask"), places)
    reads.counts.clear()
    call(COMMANDS[name], places)
    assert any(Path(places["RUN"]) in path.parents for path in reads.counts)
    assert reads.more_than_once(Path(places["RUN"])) == {}
    assert reads.more_than_once(Path(places["OTHER"])) == {}


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
