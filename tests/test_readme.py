"""The README is true: its Python runs, its commands run, its files are there. So is the Python of docs/library.md."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from truthmap.cli.app import main
from truthmap.questions.question_set import QuestionSet

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_what_the_readme_links_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert targets
    missing = [t for t in targets if "://" not in t and not (ROOT / t).exists()]
    assert missing == []


def test_the_make_targets_of_the_readme_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE)
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.fixture
def stand_in(tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QuestionSet:
    """Let the tiny model go by the name `smollm2` and its questions by every name, in a folder of their own."""
    monkeypatch.setattr("truthmap.lm.load.builtin_folder", lambda name: tiny_model)
    monkeypatch.setattr("truthmap.load_questions", lambda name, settings: spoken_set)
    monkeypatch.setattr("truthmap.metrics.bootstrap.RESAMPLES", 50)
    monkeypatch.chdir(tmp_path)
    return spoken_set


@pytest.mark.slow
def test_the_readmes_commands_run_one_after_the_other(
    stand_in: QuestionSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("truthmap ") and " serve " not in line]
    assert commands
    for command in commands:
        monkeypatch.setattr("sys.argv", shlex.split(command, comments=True))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, f"{command}: {capsys.readouterr().err}"


def test_the_readmes_python_runs(stand_in: QuestionSet, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)  # its own README
    assert re.search(r"\d\.\d{3} \[", capsys.readouterr().out)


@pytest.mark.slow
def test_the_python_of_the_library_page_runs(stand_in: QuestionSet, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python", LIBRARY):
        exec(compile(block, "library.md", "exec"), names)  # its own page
    said = capsys.readouterr().out
    assert re.search(r"160 answers, \d+ scored", said)
    assert "probe, best cell: 0." in said
