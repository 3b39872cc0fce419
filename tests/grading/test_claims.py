"""Each claim of a ready answer is a grade of its own, located where it was judged; other answers are graded as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truthmap.errors import UsageError
from truthmap.grading.claims import grade_claims
from truthmap.grading.grade import grade_many
from truthmap.grading.second_grader import second_grader
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Claim, Outcome, Question, RowKey, Span

TEXT = "Lima is in Peru, Cairo is in Peru."
CLAIMS = (Claim(Span(11, 15), Outcome.RIGHT), Claim(Span(29, 33), Outcome.WRONG))
JUDGED = Question("q", "Where are Lima and Cairo?", answer=TEXT, claims=CLAIMS)
TASK = Task(GradingRule.READY, Locating.COLUMN)


def answer_of(text: str, question_id: str) -> Answer:
    """Return a ready answer of one token."""
    return Answer(question_id, (1,), (2,), text, (), ((0, len(text)),), finished=True)


def test_an_answer_has_a_grade_per_claim_side_by_side() -> None:
    other = Question("r", "Where is Lima?", answer="In Peru.", outcome=Outcome.RIGHT, exact_answer="Peru")
    pairs = [(other, answer_of("In Peru.", "r")), (JUDGED, answer_of(TEXT, "q"))]
    grades = grade_claims(pairs, TASK)
    assert [g.key for g in grades] == [RowKey.of("r"), RowKey.of("q"), RowKey.of("q", claim=1)]
    assert [(g.outcome, g.span, g.exact_answer, g.canonical) for g in grades[1:]] == [
        (claim.outcome, claim.span, "Peru", "peru") for claim in CLAIMS
    ]
    assert grades[:1] == grade_many(pairs[:1], TASK)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (f" {TEXT}", [Span(12, 16), Span(30, 34)]),
        ("LIMA is in PERU, CAIRO is in Peru.", [Span(11, 15), Span(29, 33)]),
        ("Lima is there.", [None, None]),
    ],
)
def test_where_a_tokenizer_writes_other_letters_a_claim_is_found_again(text: str, spans: list[Span | None]) -> None:
    grades = grade_claims([(JUDGED, answer_of(text, "q"))], TASK)
    assert [g.outcome for g in grades] == [claim.outcome for claim in CLAIMS]
    assert [g.span for g in grades] == spans


def test_an_answer_that_cannot_be_read_makes_no_claims() -> None:
    unread = replace(answer_of("", "q"), fault="prompt_too_long")
    (found,) = grade_claims([(JUDGED, unread)], TASK)
    assert (found.outcome, found.why) == (Outcome.UNSCORED, "prompt_too_long")


def test_a_sample_of_the_same_question_makes_other_claims_and_is_unscored() -> None:
    (found,) = grade_claims([(JUDGED, replace(answer_of(TEXT, "q"), sample=1))], TASK)
    assert (found.key, found.outcome) == (RowKey.of("q", 1), Outcome.UNSCORED)


def test_claims_are_not_graded_a_second_time() -> None:
    with pytest.raises(UsageError, match="claims of these answers came with their outcomes"):
        second_grader("alias", TASK, [JUDGED], None)


def test_a_rule_that_was_asked_for_reads_the_whole_answer() -> None:
    asked = replace(JUDGED, accepted=("Peru",))
    (found,) = grade_claims([(asked, answer_of(TEXT, "q"))], Task(GradingRule.ALIAS, Locating.NAME))
    assert (found.key, found.rule) == (RowKey.of("q"), "alias")
    assert len(grade_claims([(asked, answer_of(TEXT, "q"))], Task(GradingRule.AUTO, Locating.COLUMN))) == 2
