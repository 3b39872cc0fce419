"""The rule for open questions with known answers: the answer contains one of them as whole words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from truthmap.grading.mentions import repeats_question
from truthmap.grading.refusals import is_refusal
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import DECLINES, RuleResult
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Outcome, Question, Span
from truthmap.text import NormalizedText, find_words, normalize

RULE = str(GradingRule.ALIAS)

_ARTICLE = re.compile(r"(?<!\S)(?:a|an|the)(?!\S)")
_KEPT_SIGNS = frozenset("#%&@+$€£°")
_SHORTEST_IN_ANY_CASE = 3


@dataclass(frozen=True, slots=True)
class AliasMention:
    """A place `span` of the answer's text that says the accepted answer `alias`."""

    span: Span
    alias: str


class AliasRule(RuleKind):
    """The answer contains an accepted answer as whole words."""

    name = GradingRule.ALIAS

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the accepted answers that they contain."""
        return grade_each(pairs, lambda question, answer: by_alias(question, answer.text))


def by_alias(question: Question, text: str) -> RuleResult:
    """Grade right if the answer contains an accepted answer, wrong if it says something else."""
    mention = find_alias(text, question.text, question.accepted)
    if mention is not None:
        why = f"contains {text[mention.span.start : mention.span.end]!r}, an accepted answer"
        return RuleResult(Outcome.RIGHT, RULE, why, mention.span, normalized_answer(question.accepted[0]))
    if is_refusal(text, open_question=True):
        return RuleResult(Outcome.WRONG, RULE, DECLINES, refusal=True)
    return RuleResult(Outcome.WRONG, RULE, "contains no accepted answer")


def find_alias(text: str, question: str, accepted: Iterable[str]) -> AliasMention | None:
    """Find the first accepted answer that the answer contains and does not only repeat from the question.

    Compared are whole words with case, accents, punctuation and articles set aside; of several that begin at one place
    the longest counts. A name of one or two letters matches only as it is written.
    """
    places: list[tuple[int, int, str]] = []
    for alias in dict.fromkeys(accepted):
        compared = normalize if _normalize_answer(alias) is None else normalize_answer
        said, asked, wanted = compared(text), compared(question).text, compared(alias).text.strip()
        at = find_words(said.text, wanted)
        while at >= 0:
            end = at + len(wanted)
            low, high = said.original(at, end)
            exact = len(wanted) >= _SHORTEST_IN_ANY_CASE or not wanted.isalpha() or text[low:high] == alias.strip()
            if exact and not repeats_question(said.text, at, end, asked):
                places.append((low, -high, alias))
                break
            at = find_words(said.text, wanted, at + 1)
    if not places:
        return None
    start, minus_end, alias = min(places)
    return AliasMention(Span(start, -minus_end), alias)


def normalized_answer(text: str) -> str:
    """Return a text in the one spelling in which answers are compared: normalized, without punctuation and articles.

    >>> normalized_answer("The J.R.R. Tolkien’s")
    'j r r tolkien s'
    """
    return normalize_answer(text).text.strip()


def normalize_answer(text: str) -> NormalizedText:
    """Normalize a text, make punctuation blank and drop articles, unless that leaves nothing ("The The", "!!!")."""
    return _normalize_answer(text) or normalize(text)


@lru_cache(maxsize=4096)
def _normalize_answer(text: str) -> NormalizedText | None:
    whole = normalize(text)
    plain = "".join(" " if _is_punctuation(character) else character for character in whole.text)
    plain = _ARTICLE.sub(lambda match: " " * len(match.group()), plain)
    kept = [i for i, character in enumerate(plain) if character != " " or (i > 0 and plain[i - 1] != " ")]
    if not plain.strip():
        return None
    return NormalizedText(
        "".join(plain[i] for i in kept), tuple(whole.starts[i] for i in kept), tuple(whole.ends[i] for i in kept)
    )


def _is_punctuation(character: str) -> bool:
    return character not in _KEPT_SIGNS and unicodedata.category(character)[0] in "PSZ"
