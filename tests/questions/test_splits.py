from __future__ import annotations

import pytest
from pydantic import ValidationError

from truthmap.questions.splits import SplitSettings, assign_splits
from truthmap.records import Question, Split

QUESTIONS = tuple(Question(str(number), f"Question number {number}?") for number in range(2000))


def parts(questions: tuple[Question, ...], settings: SplitSettings) -> dict[str, tuple[Split, int]]:
    return {each.question_id: (each.split, each.fold) for each in assign_splits(questions, settings)}


def test_adding_questions_or_another_order_moves_no_other() -> None:
    whole = parts(QUESTIONS, SplitSettings())
    some = parts(tuple(reversed(QUESTIONS[::3])), SplitSettings())
    assert some == {name: whole[name] for name in some}


def test_the_share_of_validation_leaves_the_test_part_alone() -> None:
    one = parts(QUESTIONS, SplitSettings())
    other = parts(QUESTIONS, SplitSettings(train=0.6, validation=0.1, test=0.3))
    assert one != other
    assert {n for n, (part, _) in one.items() if part is Split.TEST} == {
        n for n, (part, _) in other.items() if part is Split.TEST
    }


def test_shares_are_met_on_average_and_folds_are_even() -> None:
    found = parts(QUESTIONS, SplitSettings())
    for part, share in ((Split.TRAIN, 0.5), (Split.VALIDATION, 0.2), (Split.TEST, 0.3)):
        assert sum(p is part for p, _ in found.values()) / len(found) == pytest.approx(share, abs=0.03)
    assert all((fold == -1) == (part is Split.TEST) for part, fold in found.values())
    for fold in range(5):
        assert sum(f == fold for _, f in found.values()) / (0.7 * len(found)) == pytest.approx(0.2, abs=0.03)


def test_questions_of_one_group_and_duplicates_stay_together() -> None:
    groups = tuple(Question(f"g{n}", f"Text {n}", group=f"group {n % 20}") for n in range(200))
    by_group: dict[str | None, set[tuple[Split, int]]] = {}
    found = parts(groups, SplitSettings())
    for question in groups:
        by_group.setdefault(question.group, set()).add(found[question.id])
    assert all(len(places) == 1 for places in by_group.values())
    twins = parts((Question("a", "Where is  São Paulo?"), Question("b", "where is Sao Paulo?")), SplitSettings())
    assert twins["a"] == twins["b"]


def test_another_seed_deals_differently() -> None:
    assert parts(QUESTIONS, SplitSettings()) != parts(QUESTIONS, SplitSettings(seed=1))


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"must add up to 1, but add up to 1\.1"):
        SplitSettings(train=0.6)
