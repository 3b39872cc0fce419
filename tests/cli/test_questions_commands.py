"""`truthmap questions` and `truthmap audit` as a stranger meets them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

Command = Any


@pytest.fixture
def truthmap(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command line with these words; give its exit code."""
    from truthmap.cli.app import main

    def run(*words: str | Path) -> int:
        monkeypatch.setattr("sys.argv", ["truthmap", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


def test_all_sets_are_listed(truthmap: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert truthmap("questions") == 0
    said = capsys.readouterr().out
    for name in ("cities", "us_cities", "larger_city", "arithmetic", "triviaqa", "hotpotqa", "hotpotqa_with_context"):
        assert name in said
    for name in ("natural_questions_with_context", "movies", "math", "winobias", "winogrande", "mnli", "imdb"):
        assert name in said


def test_a_sample_shows_questions_as_they_are_asked(truthmap: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert truthmap("questions", "arithmetic", "--sample", "2") == 0
    said = capsys.readouterr().out
    assert said.count("What is ") == said.count("accepted: ") == 2
    assert "graded by number, exact answer by rule" in said


def test_a_sound_file_is_counted(truthmap: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.csv"
    path.write_text("Frage,answer\nWas ist 1?,eins\n")
    assert truthmap("questions", path, "--question-column", "Frage") == 0
    assert "1 rows: 1 questions" in capsys.readouterr().out


def test_duplicates_of_a_file_are_told(truthmap: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.csv"
    path.write_text("question,answer\nIs A over B?,a\nis A over B,a\nIs B over A?,b\nWho is C?,c\n")
    assert truthmap("questions", path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "4 questions, in 3 groups (duplicates, group column)" in said
    assert "3 have the same words as another in another order" in said


def test_a_faulty_file_is_reported_row_by_row_with_exit_code_1(
    truthmap: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(b"id,question,answer\n1,What?,a\n1,Who?,b\n2,,c\n3,caf\xe9,d\n")
    assert truthmap("questions", path, "--sample", "3") == 1
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    said = " ".join(lines)
    assert "4 rows: 1 questions" in said
    assert "3 rows make no question: 1 an id that came before, 1 empty, 1 not UTF-8" in said
    for line, what in ((3, "the id '1' came before"), (4, "the question is empty"), (5, "byte 0xe9")):
        assert any(shown.startswith(f"{line} ") and what in shown for shown in lines)


def test_hostile_texts_reach_the_terminal_as_text(
    truthmap: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.csv"
    path.write_text('question,answer\n"\x1b[2J[bold red]What[/]?","\x1b]0;t\x07"\n')
    assert truthmap("questions", path, "--sample", "1") == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "[bold red]What[/]?" in said


def test_an_unknown_set_or_a_missing_column_is_exit_code_2(
    truthmap: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert truthmap("questions", "citys") == 2
    assert (
        "unknown question set 'citys' (did you mean cities?): expected one of cities, us_cities"
        in capsys.readouterr().err
    )
    path = tmp_path / "own.csv"
    path.write_text("a,b\n1,2\n")
    assert truthmap("questions", path) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "its columns are a, b" in said


def test_audit_gives_agreement_and_what_it_means_for_an_auc(
    truthmap: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["question_id", "outcome", "outcome_by_hand", "exact_answer_by_hand"])
        for n in range(20):
            writer.writerow([n, "right", "wrong" if n < 2 else "right", "yes"])
            writer.writerow([n + 20, "wrong", "" if n > 9 else "wrong", "no"])
    assert truthmap("audit", path, "--auc", "0.8") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Rows filled in 30" in said
    assert "2 of 20 = 10% [1%, 32%]" in said
    assert "0.833" in said  # 0.5 + 0.3 / 0.9
    assert "Exact answers well located 20 of 30" in said


def test_audit_of_an_empty_sample_says_what_to_fill_in(
    truthmap: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.csv"
    path.write_text("question_id,outcome,outcome_by_hand\n1,right,\n")
    assert truthmap("audit", path) == 2
    assert "write right or wrong into the column outcome_by_hand" in capsys.readouterr().err
