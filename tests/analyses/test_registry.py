"""Every analysis is a folder and a line: what its record names is there, and nothing heavy is loaded to know of it."""

from __future__ import annotations

import re
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from truthmap import analyses
from truthmap.analyses.base import Analysis, FigureKind
from truthmap.analyses.registry import ANALYSES, FOLDERS, analysis_of
from truthmap.analyses.saved import read_analysis
from truthmap.cli.app import app
from truthmap.errors import RunFolderError
from truthmap.report.figure_kinds import FIGURES, RUN_FIGURES

SAVED = [analysis for analysis in ANALYSES if analysis.saved is not None]


def test_every_folder_has_its_line() -> None:
    folders = {path.parent.name for path in Path(analyses.__path__[0]).glob("*/command.py")}
    assert folders == set(FOLDERS)


def test_names_are_unlike() -> None:
    assert len({analysis.name for analysis in ANALYSES}) == len(ANALYSES)
    kinds = [*RUN_FIGURES, *(kind for analysis in SAVED for kind in analysis.saved.figures)]
    assert len(FIGURES) == len(kinds)


@pytest.mark.parametrize("analysis", SAVED, ids=lambda analysis: analysis.name)
def test_a_saved_result_has_its_type(analysis: Analysis) -> None:
    assert analysis.saved is not None
    assert issubclass(analysis.saved.load_kind(), BaseModel)
    assert analysis.saved.title


@pytest.mark.parametrize("analysis", SAVED, ids=lambda analysis: analysis.name)
def test_what_is_not_there_yet_names_the_command_that_makes_it(analysis: Analysis, tmp_path: Path) -> None:
    assert analysis.saved is not None
    with pytest.raises(RunFolderError) as told:
        read_analysis(tmp_path, analysis.name, analysis.saved.load_kind())
    (command,) = re.findall("`truthmap (.*)`", str(told.value))
    assert command in get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", FIGURES.values(), ids=FIGURES)
def test_a_figure_can_be_drawn_on_given_axes(kind: FigureKind) -> None:
    assert "axes" in signature(kind.load()).parameters


@pytest.mark.parametrize(
    ("saved", "analysis", "title"),
    [
        ("diff", "diff", "Difference of two maps"),
        ("labels-topic", "labels", "Other labels: topic"),
        ("labels", None, None),
        ("diffs", None, None),
        ("audit", "audit", "Graded twice"),
        ("audits", None, None),
    ],
)
def test_saved_names_lead_to_their_analysis(saved: str, analysis: str | None, title: str | None) -> None:
    found = analysis_of(saved)
    assert (found and found.name) == analysis
    assert (found and found.saved and found.saved.title_of(found.key_of(saved) or "")) == title


def test_knowing_all_analyses_and_figures_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "matplotlib", "sklearn", "scipy", "pandas")
    told = f"import sys, truthmap.cli.app; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
