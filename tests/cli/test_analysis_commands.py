"""The commands that go on from a finished run, end to end on the tiny model."""

from __future__ import annotations

import pytest

from truthmap.cli.app import main
from truthmap.runs.run import Run


def run_command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["truthmap", *words])
    monkeypatch.setenv("COLUMNS", "160")
    with pytest.raises(SystemExit) as exit_:
        main()
    return int(exit_.value.code or 0)


def test_sample_then_compare(finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert run_command(monkeypatch, "sample", str(finished.path), "--k", "2", "--part", "test") == 0
    assert "temperature 1" in capsys.readouterr().out
    assert run_command(monkeypatch, "compare", str(finished.path)) == 0
    shown = capsys.readouterr().out
    for said in ("probe, best cell", "p(True), both orders", "semantic entropy", "passes", "compare.*"):
        assert said in shown


def test_errors_then_select(finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert run_command(monkeypatch, "errors", str(finished.path)) == 2
    assert "truthmap sample" in capsys.readouterr().err
    assert run_command(monkeypatch, "sample", str(finished.path), "--k", "4") == 0
    assert run_command(monkeypatch, "errors", str(finished.path), "--protocol", "paper") == 0
    assert "consistently wrong" in capsys.readouterr().out
    assert run_command(monkeypatch, "errors", str(finished.path), "--protocol", "mine") == 2
    assert "truthmap or paper" in capsys.readouterr().err
    assert run_command(monkeypatch, "select", str(finished.path)) == 0
    assert "the detector reads layer" in capsys.readouterr().out


def test_faults_are_one_line_and_exit_code_2(
    finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert run_command(monkeypatch, "compare", str(finished.path / "nowhere")) == 2
    assert capsys.readouterr().err.startswith("truthmap: ")
    assert run_command(monkeypatch, "compare", str(finished.path), "--nli", "a", "--judge", "b") == 2
    assert "not both" in capsys.readouterr().err
    assert run_command(monkeypatch, "sample", str(finished.path), "--part", "train") == 2
    assert "part: " in capsys.readouterr().err
    assert run_command(monkeypatch, "sample", str(finished.path), "--temperature", "0") == 2
    assert "temperature: " in capsys.readouterr().err


def test_transfer(
    finished: Run, made_once, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    import shutil

    other = shutil.copytree(made_once, tmp_path / "other")
    assert run_command(monkeypatch, "transfer", str(finished.path), str(other), "--out", str(tmp_path / "out")) == 0
    shown = capsys.readouterr().out
    assert "Trained on the row, tested on the column" in shown
    assert (tmp_path / "out" / "transfer.svg").exists()
    assert run_command(monkeypatch, "transfer", str(finished.path), str(other), "--site", "mouth") == 2
    assert "--site must be one of residual" in capsys.readouterr().err


def test_diff(
    finished: Run, made_once, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert run_command(monkeypatch, "diff", str(made_once), str(finished.path)) == 0
    assert "+0.000 [+0.000, +0.000] over" in capsys.readouterr().out
    assert (finished.path / "analyses" / "diff.png").exists()
    assert run_command(monkeypatch, "diff", str(finished.path), str(finished.path)) == 2
    assert "both maps are the same one" in capsys.readouterr().err
    assert run_command(monkeypatch, "diff", str(finished.path), str(made_once), "--site", "ear") == 2
    assert "a site must be one of residual" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["12", "x:-1", "3:nowhere", "-1:-1"])
def test_what_is_no_cell_is_refused(
    text: str, finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert run_command(monkeypatch, "detector", str(finished.path), "--cell", text) == 2
    assert "is no cell: expected LAYER:POSITION" in capsys.readouterr().err
