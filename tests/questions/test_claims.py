"""Claims of a ready answer: pieces of it with outcomes of their own, however a file says where they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.errors import QuestionsError
from truthmap.questions.claims import claims_of
from truthmap.questions.columns import Columns
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.question_rows import write_question_rows
from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.questions.tasks import GradingRule, Locating
from truthmap.questions.validation import BadRowError
from truthmap.records import Claim, Outcome, Question, Span

ANSWER = "Lima is in Peru, Cairo is in Peru, and so is Peru's Cusco."


def own(tmp_path: Path, *rows: dict[str, Any], **settings: Any) -> QuestionSet:
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return load_questions(str(path), QuestionSettings(**settings))


def row(claims: Any, **cells: Any) -> dict[str, Any]:
    return {"question": "Where are they?", "response": ANSWER, "claims": claims, **cells}


def test_a_claim_is_found_by_its_text_its_characters_or_both() -> None:
    said = [
        {"text": "Peru", "outcome": "right"},
        {"text": "Peru", "outcome": 0},
        {"start": 45, "end": 49, "outcome": True},
        {"text": "Lima", "outcome": "unscored"},
        {"text": "Cusco", "start": 52, "outcome": "correct"},
    ]
    found = claims_of(said, "claims", ANSWER)
    assert [(c.span.start, ANSWER[c.span.start : c.span.end]) for c in found] == [
        (11, "Peru"), (29, "Peru"), (45, "Peru"), (0, "Lima"), (52, "Cusco")
    ]  # fmt: skip
    right, wrong, unscored = Outcome.RIGHT, Outcome.WRONG, Outcome.UNSCORED
    assert [c.outcome for c in found] == [right, wrong, right, unscored, right]
    assert claims_of(json.dumps(said), "claims", ANSWER) == found


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ([{"text": "Chile", "outcome": 1}], "'Chile' is no piece of the ready answer"),
        ([{"outcome": 1}], "expected .*text"),
        ([{"end": 4, "outcome": 1}], "expected .*text"),
        ([{"text": "Lima", "end": 4, "outcome": 1}], "expected .*text"),
        ([{"start": 4, "outcome": 1}], "characters 4 to 4 are no piece"),
        ([{"start": 4, "end": 5, "outcome": 1}], "characters 4 to 5 are no piece"),
        ([{"start": -4, "end": 5, "outcome": 1}], "characters -4 to 5 are no piece"),
        ([{"start": 50, "end": 99, "outcome": 1}], "which has 58"),
        ([{"start": "0", "end": 4, "outcome": 1}], "expected the number of a character"),
        ([{"start": 0.5, "end": 4, "outcome": 1}], "expected the number of a character"),
        ([{"start": float("inf"), "end": 4, "outcome": 1}], "expected the number of a character"),
        ([{"start": True, "end": 4, "outcome": 1}], "expected the number of a character"),
        ([{"text": "Peru", "start": 12, "outcome": 1}], "characters 12 to 16 of the answer are 'eru,', not 'Peru'"),
        ([{"text": "Peru", "outcome": "maybe"}], "'maybe' is no outcome"),
        (["Peru"], "expected a list of"),
        ("Peru", "expected a list of"),
        ('{"text": "Peru"}', "expected a list of"),
        ('[{"text": "Peru"', "begins like a JSON list and is none; write .*text"),
        ([{"text": ["Peru"], "outcome": 1}], "expected a text, got list"),
        ([{"text": "Peru", "outcome": 1}] * 10_001, "10,001 claims, at most 10,000"),
    ],
)
def test_what_is_no_claim_is_a_bad_row_that_says_why(claims: Any, said: str) -> None:
    with pytest.raises(BadRowError, match=said):
        claims_of(claims, "claims", ANSWER)


def test_claims_without_an_answer_are_refused() -> None:
    with pytest.raises(BadRowError, match="need the answer that makes them"):
        claims_of([{"text": "Peru", "outcome": 1}], "claims", None)


@given(st.text("ab ", min_size=1, max_size=12), st.data())
def test_a_piece_is_found_where_it_is_whatever_repeats(answer: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(answer) - 1))
    end = data.draw(st.integers(start + 1, len(answer)))
    piece = answer[start:end]
    if not piece.strip():
        return
    (claim,) = claims_of([{"text": piece, "start": start, "outcome": 1}], "claims", answer)
    assert claim.span == Span(start, end)
    (found,) = claims_of([{"text": piece, "outcome": 1}], "claims", answer)
    assert answer[found.span.start : found.span.end] == piece.strip()


def test_a_file_of_claims_needs_nothing_else_and_is_graded_by_them(tmp_path: Path) -> None:
    found = own(tmp_path, row([{"text": "Peru", "outcome": 1}, {"text": "Cairo", "outcome": 0}]))
    (question,) = found.questions
    assert question.claims == (Claim(Span(11, 15), Outcome.RIGHT), Claim(Span(17, 22), Outcome.WRONG))
    assert question.outcome is None
    assert (found.task.grading, found.task.locating) == (GradingRule.READY, Locating.COLUMN)


def test_the_outcome_of_the_whole_answer_counts_only_where_there_are_no_claims(tmp_path: Path) -> None:
    found = own(tmp_path, row([{"text": "Peru", "outcome": 1}], outcome="wrong"), row([], outcome="wrong"))
    assert [(len(q.claims), q.outcome) for q in found.questions] == [(1, None), (0, Outcome.WRONG)]


def test_scores_of_claims_are_right_from_a_threshold_on(tmp_path: Path) -> None:
    scored = [{"text": "Peru", "outcome": 0.7}, {"text": "Cairo", "outcome": 0.2}]
    found = own(tmp_path, row(scored), columns=Columns(right_at=0.5))
    assert [claim.outcome for claim in found.questions[0].claims] == [Outcome.RIGHT, Outcome.WRONG]


def test_a_row_without_claims_or_anything_else_to_grade_by_is_bad(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match="column claims: no claim"):
        own(tmp_path, row([]))


def test_claims_of_answers_that_are_still_to_be_given_are_not_read(tmp_path: Path) -> None:
    found = own(tmp_path, {"question": "Where is Lima?", "accepted": "Peru", "claims": "of the authors"})
    assert found.questions[0].claims == ()


def test_claims_survive_a_question_file_and_count_for_the_digest(tmp_path: Path) -> None:
    found = own(tmp_path, row([{"text": "Peru", "outcome": 1}, {"text": "Cairo", "outcome": "unscored"}], id="q"))
    write_question_rows(tmp_path / "again.jsonl", found.questions)
    assert load_questions(str(tmp_path / "again.jsonl")).questions == found.questions
    without = question_set(found.name, [Question("q", "Where are they?", answer=ANSWER)], found.task)
    assert without.digest != question_set(found.name, found.questions, found.task).digest


def test_a_column_of_claims_without_answers_is_no_way_to_grade(tmp_path: Path) -> None:
    with pytest.raises(QuestionsError, match="name one with --accepted-column, --outcome-column or --claims-column"):
        own(tmp_path, {"question": "Where is Lima?", "claims": [{"text": "Peru", "outcome": 1}]})
