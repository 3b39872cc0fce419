"""What columns hold, and how answers that were cut off came out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truthmap.grading.column_contents import TokenKind, column_contents, kind_of
from truthmap.grading.cut_answers import count_cut
from truthmap.positions import Position, chosen_positions
from truthmap.records import Answer, Grade, Outcome, RowKey, Span

PIECES = ("It", " is", " Peru", ",", "\n", "42", "")


def said(name: str, *pieces: str, finished: bool) -> Answer:
    offsets, text = [], ""
    for piece in pieces:
        offsets.append((len(text), len(text) + len(piece)))
        text += piece
    ids = tuple(range(10, 10 + len(pieces)))
    return Answer(name, (1, 2), ids, text, (), tuple(offsets), finished)


def graded(name: str, outcome: Outcome) -> Grade:
    return Grade(name, outcome, "alias", Span(0, 1), "", "", "")


def test_each_token_has_a_kind_by_what_it_wrote() -> None:
    closed = said("q", *PIECES, finished=True)
    kinds = [kind_of(closed, n, n + 1) for n in range(9)]
    assert kinds == [
        TokenKind.PROMPT, TokenKind.PROMPT, TokenKind.WORD, TokenKind.WORD, TokenKind.WORD, TokenKind.PUNCTUATION,
        TokenKind.BLANK, TokenKind.WORD, TokenKind.CLOSING,
    ]  # fmt: skip
    assert kind_of(replace(closed, finished=False), 8, 9) is TokenKind.BLANK
    assert kind_of(closed, 2, 5) is TokenKind.SEVERAL


def test_the_shares_of_a_column_are_counted() -> None:
    closed, cut = said("a", "So", ".", "", finished=True), said("b", "So", " on", finished=False)
    pairs = [(closed, graded("a", Outcome.RIGHT)), (cut, graded("b", Outcome.WRONG))]
    positions = chosen_positions(["last_q", "-1", "answer[2]", "mean(answer)", "answer[0]"])
    last_q, last, third, mean, first = column_contents([*pairs, pairs[0], pairs[0], pairs[0]], positions)
    assert last.shares == pytest.approx({TokenKind.CLOSING: 0.8, TokenKind.WORD: 0.2})
    assert (last.missing, third.missing, third.shares) == (0, pytest.approx(0.2), {TokenKind.CLOSING: 1.0})
    assert last.told == "a closing token in 80 %, a word in 20 %"
    assert (last.is_mixed, first.is_mixed, last_q.is_mixed, mean.is_mixed) == (True, False, False, False)
    assert (mean.told, last_q.told) == ("several tokens in 100 %", "a prompt token in 100 %")
    dropped = column_contents(pairs, (Position.of("-1"),), drop_closing_token=True)[0]
    assert dropped.shares == {TokenKind.PUNCTUATION: 0.5, TokenKind.WORD: 0.5}


def test_a_column_that_no_answer_has_is_missing() -> None:
    pair = (said("a", "So", finished=False), graded("a", Outcome.RIGHT))
    (thought,) = column_contents([pair], (Position.of("thought[0]"),))
    assert (thought.n, thought.missing, thought.shares, thought.is_mixed) == (1, 1, {}, False)
    (nothing,) = column_contents([], (Position.of("-1"),))
    assert (nothing.n, nothing.missing) == (0, 1)


def test_endings_are_counted_by_outcome_and_as_a_sign_of_it() -> None:
    closed = [True, True, True, False, True, False, False, True]
    outcomes = [Outcome.RIGHT] * 4 + [Outcome.WRONG] * 3 + [Outcome.UNSCORED]
    names = [f"q{n}" for n in range(8)]
    rows = [(said(i, "So", finished=c), graded(i, o)) for i, c, o in zip(names, closed, outcomes, strict=True)]
    found = count_cut(rows, {RowKey(i): i for i in names[:7]})
    assert found.closed == {Outcome.RIGHT: 3, Outcome.WRONG: 1, Outcome.UNSCORED: 1}
    assert found.cut == {Outcome.RIGHT: 1, Outcome.WRONG: 2, Outcome.UNSCORED: 0}
    assert found.auc is not None
    assert found.auc.value == pytest.approx((3 * 2 + 0.5 * (3 * 1 + 1 * 2)) / 12)  # of 12 pairs 6 above, 5 ties
    assert found.auc.n == 7
    assert "closed: 3 right, 1 wrong, 1 unscored; cut off: 1 right, 2 wrong, 0 unscored; being closed" in found.told


@pytest.mark.parametrize("finished", [True, False])
def test_answers_that_all_end_alike_tell_nothing(*, finished: bool) -> None:
    rows = [(said("a", "So", finished=finished), graded("a", o)) for o in (Outcome.RIGHT, Outcome.WRONG)]
    assert count_cut(rows, {RowKey("a"): "a"}).auc is None
