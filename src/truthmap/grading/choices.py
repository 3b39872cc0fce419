"""The rule for questions that offer what to answer: two names, or the labels of a classification."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from truthmap.grading.comparisons import less_than, only_describes
from truthmap.grading.mentions import Mention, find_mentions, is_accepted
from truthmap.grading.rule import Pair, RuleKind, grade_each
from truthmap.grading.rule_result import RuleResult, found, nothing_found
from truthmap.grading.text_model import Graders
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question, Span
from truthmap.text import normalized

_ARTICLES = r"(?:the |a |an |both |either )*"
# Between two names of a list: "A or B", "A, B, or C", "A/B", "between A and the B".
_EDGE = r"[\s\"'*_`]*"
_JOINED = re.compile(rf"{_EDGE}(?:,{_EDGE})?(?:/|\bor\b|\band\b|\bversus\b|\bvs\b\.?){_EDGE}{_ARTICLES}{_EDGE}")
_COMMA = re.compile(rf"{_EDGE},{_EDGE}{_ARTICLES}{_EDGE}")
# Before a name that is held against the chosen one, or denied.
_AGAINST = re.compile(
    r"(?:\b(?:than|not|no|neither|nor|never|unlike|versus|vs\.?|instead of|(?:compared|comparison) (?:to|with))|n't)"
    rf"[\s\"'*_`]*(?:in |of |to |be |represent |refer to |necessarily |directly |exactly )*{_ARTICLES}[\s\"'*_`]*$"
)
_LOOK_BACK = 60
_WORDS = re.compile(r"[^\W_]+")
_QUOTED_RUN = 5
"""A run of this many words that the question has too is a quotation of it."""


class ChoiceRule(RuleKind):
    """Of the few candidates that the question offers, the answer chooses an accepted one."""

    name = GradingRule.CHOICE
    needs_candidates = True
    finds_span = True

    def grade(self, pairs: Sequence[Pair], task: Task, graders: Graders) -> list[RuleResult]:  # noqa: ARG002
        """Grade answers by the first candidate that each chooses."""
        return grade_each(pairs, lambda question, answer: by_choice(question, answer.text, self.name))


class LabelRule(ChoiceRule):
    """The same for the labels of a classification."""

    name = GradingRule.LABEL


def by_choice(question: Question, text: str, rule: GradingRule) -> RuleResult:
    """Grade by the first candidate that the answer chooses.

    A name is no choice where the answer only lists the candidates ("X or Y"), quotes five or more words of the question
    in a row, or holds the name against another or denies it ("than X", "not X"). So an answer that names both is graded
    by the first one that it does not list, quote, compare with or deny; one that chooses neither is unscored. Where the
    question asks for more, "X is smaller than Y" chooses Y. An answer that only says of each one what it is ("X is in
    India, while Y is in Spain") chooses none.
    """
    candidates = question.candidates or ()
    mentions = find_mentions(text, candidates)
    if only_describes(text, mentions):
        return nothing_found(text, str(rule), "says what each candidate is but chooses none")
    chosen = next(_choices(text, question.text, mentions), None)
    if chosen is None:
        why = "names candidates but chooses none" if mentions else "names no candidate"
        return nothing_found(text, str(rule), why)
    return found(
        right=is_accepted(chosen, candidates, question.accepted),
        rule=str(rule),
        why=f"chooses {text[chosen.start : chosen.end]!r}",
        span=Span(chosen.start, chosen.end),
        canonical=normalized(candidates[chosen.things[0]][0]),
    )


def _choices(text: str, question: str, mentions: Sequence[Mention]) -> Iterator[Mention]:
    quoted = _quotations(text, question)
    listed = _listed(text, mentions)
    less = less_than(text, question, mentions)
    for index, mention in enumerate(mentions):
        if index in less:
            continue
        inside = any(low <= mention.start and mention.end <= high for low, high in quoted)
        before = text[max(0, mention.start - _LOOK_BACK) : mention.start].casefold().replace("’", "'")
        against = _AGAINST.search(before) and index not in less.values()
        if len(mention.things) == 1 and index not in listed and not inside and not against:
            yield mention


def _listed(text: str, mentions: Sequence[Mention]) -> set[int]:
    """Return the indices of the mentions in a list of different candidates: joined by commas, and once by or, and."""
    listed: set[int] = set()
    run, joined = [0], False
    for index in range(1, len(mentions) + 1):
        between = ""
        if index < len(mentions) and mentions[index - 1].things != mentions[index].things:
            between = text[mentions[index - 1].end : mentions[index].start].casefold()
        if _JOINED.fullmatch(between) or _COMMA.fullmatch(between):
            run.append(index)
            joined = joined or _JOINED.fullmatch(between) is not None
        else:
            listed.update(run if joined else ())
            run, joined = [index], False
    return listed


def _quotations(text: str, question: str) -> list[tuple[int, int]]:
    """Return the ranges of the answer's characters that repeat five or more words of the question in a row."""
    asked = [normalized(word) for word in _WORDS.findall(question)]
    runs = {tuple(asked[start : start + _QUOTED_RUN]) for start in range(len(asked) - _QUOTED_RUN + 1)}
    words = list(_WORDS.finditer(text))
    said = [normalized(word.group()) for word in words]
    return [
        (words[start].start(), words[start + _QUOTED_RUN - 1].end())
        for start in range(len(words) - _QUOTED_RUN + 1)
        if tuple(said[start : start + _QUOTED_RUN]) in runs
    ]
