"""Which answers say the same, by their exact answers and as other models see it."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.analyses.equivalence import ByCanonical, ByEntailment, ByJudge, GradedAnswer
from truthmap.records import Answer, Grade, Outcome


def saying(text: str, canonical: str = "", *, outcome: Outcome = Outcome.WRONG, refusal: bool = False) -> GradedAnswer:
    answer = Answer("q", (1,), (2,), text, (-1.0,), ((0, len(text)),), finished=True)
    return GradedAnswer(
        "Where is Lima?", answer, Grade("q", outcome, "candidates", None, canonical, canonical, "", refusal)
    )


def test_the_same_exact_answer_says_the_same_whatever_is_around_it() -> None:
    sayings = [saying("It is in Peru.", "Peru"), saying("Chile", "Chile"), saying("PERU, I think", "péru")]
    assert ByCanonical().classes(sayings) == [0, 1, 0]


def test_the_accepted_answer_plays_no_part() -> None:
    sayings = [saying("a", "Persia", outcome=Outcome.RIGHT), saying("b", "Iran", outcome=Outcome.RIGHT)]
    assert ByCanonical().classes(sayings) == [0, 1]


def test_refusals_are_alike_and_bare_texts_are_compared_whole() -> None:
    sayings = [
        saying("I don't know", refusal=True),
        saying("I cannot say", refusal=True),
        saying("Well, well."),
        saying("well, well."),
        saying("Hm."),
    ]
    assert ByCanonical().classes(sayings) == [0, 0, 1, 1, 2]


class Pretender:
    """An NLI model by the book: a text entails those whose last word it has."""

    def __init__(self) -> None:
        self.asked = 0

    def entails(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        self.asked += len(pairs)
        return [conclusion.split()[-1] in premise for premise, conclusion in pairs]


def test_entailment_counts_only_both_ways() -> None:
    model = Pretender()
    sayings = [saying("Peru"), saying("north Peru"), saying("Peru and Chile"), saying("Peru")]
    # "Peru and Chile" entails "Peru", but not the other way round.
    assert ByEntailment(model).classes(sayings) == [0, 0, 1, 0]
    assert model.asked == 4


class YesMan:
    """A judge for whom answers of the same first letter say the same."""

    def ask(self, prompts: Sequence[str]) -> list[str]:
        def verdict(prompt: str) -> str:
            lines = dict(line.split(": ", 1) for line in prompt.splitlines() if ": " in line)
            return "Yes." if lines["First answer"][0] == lines["Second answer"][0] else "No, they differ."

        return [verdict(prompt) for prompt in prompts]


def test_a_judge_sorts_answers() -> None:
    sayings = [saying("Peru"), saying("Chile"), saying("Poland")]
    assert ByJudge(YesMan()).classes(sayings) == [0, 1, 0]
    assert ByJudge(YesMan()).classes([]) == []
