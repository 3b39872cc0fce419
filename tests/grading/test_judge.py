"""A judge's evidence, its replies in JSON, and whom it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from truthmap.grading.grade import grade_many
from truthmap.grading.judge import read_reply
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Answer, Outcome, Question

JUDGED = Task(GradingRule.JUDGE, Locating.NAME)


@dataclass
class Judge:
    """Says of every answer what it is told to, and notes what it was asked."""

    replies: Sequence[str]
    asked: list[str] = field(default_factory=list)

    def ask(self, prompts: Sequence[str]) -> list[str]:
        self.asked.extend(prompts)
        return [self.replies[n % len(self.replies)] for n, _ in enumerate(prompts)]


def pair(text: str) -> tuple[Question, Answer]:
    return Question("q", "Who wrote it?", ("Ann Lee",)), Answer("q", (1,), (7,), text, (), (), True)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ('{"verdict": "right"}', Outcome.RIGHT),
        ('{"verdict": "wrong", "reason": "it is not the right name"}', Outcome.WRONG),
        ('{"reason": "the right year, the wrong name", "verdict": "wrong"}', Outcome.WRONG),
        ('```json\n{"Verdict": "Right"}\n```', Outcome.RIGHT),
        ('Here it is: {"correct": false}', Outcome.WRONG),
        ('{"is_correct": true}', Outcome.RIGHT),
        ('{"correct": 0}', Outcome.WRONG),
        ('{"verdict": "not correct"}', Outcome.WRONG),
        ('{"verdict": "perhaps"}', None),
        ('{"verdict": null}', None),
        ('{"thoughts": "right or wrong"}', None),
        ('{"verdict": "ri', None),
        ("{" * 5000, None),
        ("{right}", Outcome.RIGHT),
    ],
)
def test_a_reply_in_json_is_read_by_what_it_says(reply: str, outcome: Outcome | None) -> None:
    assert read_reply(reply) is outcome


def test_prompt_model_and_raw_reply_are_kept_with_the_grade() -> None:
    judge = Judge(['{"verdict": "wrong"}  '])
    named, by_words = grade_many(
        [pair("Bob Ray."), pair("Ann Lee.")], JUDGED, Graders(judge=judge, judge_name="org/judge")
    )
    assert named.judgement is not None
    assert (named.judgement.model, named.judgement.reply) == ("org/judge", '{"verdict": "wrong"}  ')
    assert [named.judgement.prompt] == judge.asked
    assert by_words.judgement is None


def test_what_was_asked_last_is_what_is_kept() -> None:
    judge = Judge(["hm"])
    grade = grade_many([pair("Bob Ray.")], JUDGED, Graders(judge=judge))[0]
    assert grade.outcome is Outcome.UNSCORED
    assert grade.judgement is not None
    assert [grade.judgement.prompt] == judge.asked[1:]
    assert grade.judgement.reply == "hm"


def test_a_judge_of_all_decides_also_where_words_would() -> None:
    judge = Judge(["wrong"])
    pairs = [pair("Ann Lee."), pair("Not Ann Lee, but Bob Ray."), pair("I don't know.")]
    grades = grade_many(pairs, JUDGED, Graders(judge=judge, judges_all=True))
    assert [grade.outcome for grade in grades] == [Outcome.WRONG] * 3
    assert [grade.rule for grade in grades] == ["judge"] * 3
    assert len(judge.asked) == 3
