"""Tables fit the terminal, and break no name, number or interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.terminal.output import print_table
from truthmap.terminal.tables import fit_table, row_by_row

WORDS = st.text(alphabet="abcdefg_/.-0123456789", min_size=1, max_size=12)
TEXTS = st.lists(WORDS, max_size=5).map(" ".join)
COMPARED = (
    ("method", "AUC [95 %]", "minus the probe", "p", "errors AP", "risk area", "passes"),
    [
        ("probe, last_q (before answering)", "0.78 [0.69, 0.86]", "-0.14 [-0.21, -0.06]", "0.001", "0.70", "0.1", "0"),
        ("log-prob, worst token, exact answer", "0.75 [0.65, 0.83]", "-0.17 [-0.27, -0.08]", "0.1", "0.7", "0.2", "0"),
    ],
)


@given(st.integers(1, 5), st.data(), st.integers(10, 130))
def test_a_fitted_table_is_no_wider_and_keeps_every_word(n: int, data: st.DataObject, width: int) -> None:
    head = [f"c{number}" for number in range(n)]
    rows = data.draw(st.lists(st.lists(TEXTS, min_size=n, max_size=n), max_size=4))
    fitted = fit_table(head, rows, width)
    lines = [] if fitted is None else fitted.lines([True] * n)
    assert max(map(len, lines), default=0) <= width
    kept = [] if fitted is None else [" ".join(cell).split() for row in fitted.rows for cell in row]
    assert kept == ([] if fitted is None else [cell.split() for row in rows for cell in row])


@pytest.mark.parametrize("width", [80, 120])
def test_a_wide_comparison_fits(width: int) -> None:
    fitted = fit_table(*COMPARED, width)
    lines = fitted.lines([True, *[False] * 6])
    assert max(map(len, lines)) <= width
    assert any("[-0.27, -0.08]" in line for line in lines)
    assert any("log-prob," in line for line in lines)


def test_room_that_is_there_is_used() -> None:
    narrow, wide = (fit_table(*COMPARED, width).lines([True] * 7) for width in (80, 120))
    assert len(wide) < len(narrow)
    assert any("log-prob, worst token, exact answer" in line for line in wide)
    assert not any("log-prob, worst token, exact answer" in line for line in narrow)


def test_what_cannot_fit_is_shown_row_by_row() -> None:
    head = ("choice", *(f"k={k}" for k in range(30)))
    row = ("the vote", *(f"0.{k:02d}" for k in range(30)))
    assert fit_table(head, [row], 80) is None
    lines = row_by_row(head, [row], 80)
    assert lines[0] == "the vote"
    assert max(map(len, lines)) <= 80
    assert [piece.strip() for line in lines[1:] for piece in line.rstrip(";").split(";")] == [
        f"k={k}: 0.{k:02d}" for k in range(30)
    ]


def test_a_path_is_not_broken_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/data/" + "long-name/" * 12 + "grid.parquet"
    print_table("A run", ("", ""), [("Numbers", path)])
    assert path in capsys.readouterr().out


def test_facts_wrap_beside_a_path_that_is_too_long() -> None:
    path = "/data/" + "long-name/" * 12
    lines = fit_table(("", ""), [("What it says", "word " * 40), ("Path", path)], 60).lines([True, True])
    assert [line for line in lines if len(line) > 60] == [f"Path          {path}"]
    assert sum(line.count("word") for line in lines) == 40


def test_line_ends_in_a_cell_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Matrix", ("set", "a"), [("one", "0.88 [0.76, 0.94]\n+0.23\n20% (blind 46%)\n"), ("two", "-")])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[3:6] == ["one  0.88 [0.76, 0.94]", "+0.23", "20% (blind 46%)"]


def test_markup_in_a_cell_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("[bold]A", ("name", "[red]n"), [("[link=x]a[/link]", "1")])
    said = capsys.readouterr().out
    for piece in ("[bold]A", "[red]n", "[link=x]a[/link]"):
        assert piece in said
