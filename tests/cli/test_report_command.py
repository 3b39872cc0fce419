"""`truthmap report` and `truthmap figure` as their users meet them."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest
from tests.made_run import Made, make_run

from truthmap.cli.app import main
from truthmap.cli.figure import figure
from truthmap.figures.canvas import FigureStyle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("made") / "run", Made(n=120, layers=4)).path


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["truthmap", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return code if isinstance(code, int) else 0


def test_a_report_is_written_and_its_place_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "report", str(folder)) == 0
    assert capsys.readouterr().out.startswith(f"{folder / 'report.html'} (")
    assert (folder / "report.html").exists()


def test_a_figure_is_written_as_its_ending_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        out = tmp_path / f"map.{ending}"
        assert call(monkeypatch, "figure", str(folder), "map", "--out", str(out), "--dpi", "50") == 0
        assert out.read_bytes().startswith(start)
        assert capsys.readouterr().out == f"{out}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "nowhere"), "nowhere is no run folder"),
        (("figure", "RUN", "pie", "--out", "x.png"), "there is no figure 'pie'; there are map, "),
        (("figure", "RUN", "map", "--out", "x.gif"), "expected one of .pdf, .png, .svg"),
        (("figure", "RUN", "map", "--out", "x.png", "--site", "brain"), "there is no site 'brain'; there are residual"),
        (("figure", "RUN", "roc", "--out", "x.png", "--position", "-9"), "there is no position '-9'"),
        (("figure", "RUN", "map", "--out", "x.png", "--width", "0"), "width must be 0.5 to 60 inches"),
    ],
)
def test_faults_are_one_line_and_exit_code_2(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *(str(folder) if word == "RUN" else word for word in words)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_defaults_of_the_command_are_those_of_a_style() -> None:
    """They stand in the command too, so that its help loads no drawing code."""
    defaults = {name: p.default for name, p in signature(figure).parameters.items()}
    style = FigureStyle()
    assert (defaults["font_size"], defaults["dpi"]) == (style.font_size, style.dpi)
