from __future__ import annotations

import pytest
from pydantic import ValidationError

from truthmap.questions.groups import group_questions
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


def in_groups(*questions: Question) -> list[set[str]]:
    """The ids of each group, the first question's first."""
    found: dict[tuple[str, str], set[str]] = {}
    for identifier, name in group_questions(questions).of.items():
        found.setdefault(name, set()).add(identifier)
    return list(found.values())


@pytest.mark.parametrize(
    "twin",
    ["where is lima", "Where is Lima!", "  Where  is\tLIMA ?", "“Where is Lima?”", "Where is, Lima", "Where is Líma?"],
)
def test_case_space_and_punctuation_make_no_other_question(twin: str) -> None:
    assert in_groups(Question("a", "Where is Lima?"), Question("b", twin)) == [{"a", "b"}]


@pytest.mark.parametrize("other", ["What is 3 / 4?", "What is 3 + 4?", "What is 3.4?", "What is 34?"])
def test_another_sign_or_number_is_another_question(other: str) -> None:
    assert in_groups(Question("a", "What is 3 * 4?"), Question("b", other)) == [{"a"}, {"b"}]


def test_a_group_column_does_not_hide_duplicates() -> None:
    found = in_groups(
        Question("a", "Where is Lima?", group="one"),
        Question("b", "Where is Lima", group="two"),
        Question("c", "Where is Oslo?", group="two"),
        Question("d", "Where is Oslo"),
        Question("e", "Where is Rome?", group="three"),
    )
    assert found == [{"a", "b", "c", "d"}, {"e"}]


def test_one_wording_with_other_contexts_is_many_questions() -> None:
    asked = tuple(Question(f"q{n}", "Who wrote it?", context=f"Book {n} is by author {n}.") for n in range(200))
    assert group_questions(asked).count == 200
    assert {split for split, _ in parts(asked, SplitSettings()).values()} == set(Split)
    assert in_groups(asked[0], Question("again", "who wrote it", context="book 0 is by author 0")) == [{"q0", "again"}]


def test_options_beside_the_text_are_part_of_the_question() -> None:
    def choice(identifier: str, accepted: str, *options: str) -> Question:
        return Question(identifier, "Which is true?", (accepted,), tuple((each,) for each in options))

    found = in_groups(
        choice("a", "ice is cold", "ice is cold", "ice is hot"),
        choice("b", "fire is hot", "fire is hot", "fire is cold"),
        choice("c", "ice is cold", "ice is cold", "ice is soft"),
        choice("d", "ice is hot", "ice is hot", "ice is cold"),
    )
    assert found == [{"a", "c", "d"}, {"b"}]


def test_groups_are_the_same_in_any_order() -> None:
    asked = [
        Question(f"q{n}", f"What about {n % 7}{'?' * (n % 2)}", group=f"g{n % 11}" if n % 3 == 0 else None)
        for n in range(60)
    ]
    assert group_questions(asked).of == dict(group_questions(asked[::-1]).of)


def test_near_duplicates_are_counted_and_not_joined() -> None:
    asked = (
        Question("a", "Is Lima larger than Rome?"),
        Question("b", "Is Rome larger than Lima?"),
        Question("c", "Is Oslo larger than Rome?"),
        Question("d", "is oslo larger than rome"),
    )
    groups = group_questions(asked)
    assert (groups.count, groups.near_duplicates) == (3, 2)
    assert groups.described() == (
        "4 questions, in 3 groups (duplicates, group column); 2 have the same words as another in another order"
    )
    assert group_questions(QUESTIONS).described() == "2,000 questions, each a group of its own"


def test_another_seed_deals_differently() -> None:
    assert parts(QUESTIONS, SplitSettings()) != parts(QUESTIONS, SplitSettings(seed=1))


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"must add up to 1, but add up to 1\.1"):
        SplitSettings(train=0.6)


def test_questions_asked_again_with_another_answer_are_told() -> None:
    again = Question("a", "Where is Kyoto?", ("Japan",)), Question("b", "where is kyoto", ("It is in China.",))
    same = Question("c", "Where is Lima?", ("Peru",)), Question("d", "Where is Lima?", ("Peru", "Perú"))
    ready = Question("e", "Where is Oslo?", ("Norway",), answer="In Peru."), Question("f", "Where is Oslo?", ("Peru",))
    groups = group_questions([*again, *same, *ready])
    assert groups.disputed == 2
    assert "2 of 6 questions are asked again with another accepted answer" in str(groups.warning)
    assert group_questions([*same, *ready]).warning is None
    assert group_questions(QUESTIONS).warning is None
