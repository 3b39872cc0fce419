"""Which questions belong together: those of one group, and those that ask the same thing.

Duplicates in the part that probes learn from and in the part that they are tested on would make the test easier than it
is; so the groups are the connected components of the group column and of what is asked.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from truthmap.records import Question
from truthmap.shown import ShortRepr
from truthmap.text import normalized

FEW = 10
"""Up to so many candidates are options that the question offers; more are a list of all that could be named."""

_COMPARED = 50
"""Different answers to one question that each of its rows is held against: enough to tell, and soon done."""

_SIGNS = frozenset("%*/&@#\\")  # punctuation that changes what is asked: 3 * 4 is not 3 / 4


@dataclass(frozen=True, repr=False)
class QuestionGroups(ShortRepr):
    """Which group each question is in.

    Attributes:
        of: Question id → the group's kind and name: `("group", …)` from the group column, else `("text", …)`.
        near_duplicates: Questions that have the same words as one of another group, in another order.
        disputed: Questions that ask what another asks, and accept no answer that it accepts.
    """

    of: Mapping[str, tuple[str, str]]
    near_duplicates: int
    disputed: int

    @property
    def count(self) -> int:
        """How many groups there are: the effective number of questions."""
        return len(set(self.of.values()))

    def described(self) -> str:
        """Return the counts in words: how many questions in how many groups, and what may still be alike."""
        alone = self.count == len(self.of)
        groups = "each a group of its own" if alone else f"in {self.count:,} groups (duplicates, group column)"
        near = f"; {self.near_duplicates:,} have the same words as another in another order"
        return f"{len(self.of):,} questions, {groups}{near if self.near_duplicates else ''}"

    @property
    def warning(self) -> str | None:
        """What is to be known before these are asked; `None`: nothing."""
        if not self.disputed:
            return None
        return (
            f"{self.disputed:,} of {len(self.of):,} questions are asked again with another accepted answer: the model "
            "says the same each time, and each row is graded by its own. If those are texts to be judged, put them in "
            "a column named response, and whether they are right in one named outcome"
        )


def group_questions(questions: Iterable[Question]) -> QuestionGroups:
    """Find the connected components: questions that share a group, or the same text with the same context.

    Texts are the same where they differ in case, accents, white space and punctuation alone. Options that a question
    offers beside its text (up to `FEW` candidates) are part of what is asked: the same text is another question where
    options and accepted answers both differ. A component is named after what does not depend on the order of the
    questions, so that adding a question moves no other, unless it joins two components.
    """
    asked = list(questions)
    above: dict[tuple[str, ...], tuple[str, ...]] = {}
    for question in asked:
        first, *others = (_root(above, mark) for mark in _marks(question))
        for other in others:
            above[_root(above, other)] = _root(above, first)
    members: dict[tuple[str, ...], list[Question]] = defaultdict(list)
    for question in asked:
        members[_root(above, next(_marks(question)))].append(question)
    of = {question.id: name for together in members.values() for name in [_name(together)] for question in together}
    return QuestionGroups(MappingProxyType(of), _near_duplicates(asked, of), _disputed(asked))


def _marks(question: Question) -> Iterator[tuple[str, ...]]:
    """Yield what a question shares with each that it belongs to."""
    if question.group is not None:
        yield ("group", question.group)
    text = ("text", _plain(question.text), _plain(_given(question)))
    if not _has_options(question):
        yield text
        return
    yield (*text, "accepted", *sorted(map(normalized, question.accepted)))
    yield (*text, "options", *sorted(normalized(names[0]) for names in question.candidates or ()))


def _has_options(question: Question) -> bool:
    if question.candidates is None or len(question.candidates) > FEW:
        return False
    text = normalized(question.text)
    return not all(any(normalized(name) in text for name in names) for names in question.candidates)


def _name(together: Iterable[Question]) -> tuple[str, str]:
    groups = [question.group for question in together if question.group is not None]
    if groups:
        return "group", min(groups)
    return "text", min(map(_spelled, together))


def _spelled(question: Question) -> str:
    options = sorted(map(normalized, question.accepted)) if _has_options(question) else []
    return normalized(" ".join([_given(question), question.text, *options]))


def _near_duplicates(questions: Iterable[Question], of: Mapping[str, tuple[str, str]]) -> int:
    alike: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for question in questions:
        words = sorted(f"{_plain(_given(question))} {_plain(question.text)}".split())
        options = sorted(map(normalized, question.accepted)) if _has_options(question) else []
        alike[tuple(words + options)].append(of[question.id])
    return sum(len(groups) for groups in alike.values() if len(set(groups)) > 1)


def _disputed(questions: Iterable[Question]) -> int:
    """Count questions whose text is that of another which accepts other answers; ready answers are not counted."""
    alike: dict[tuple[str, str], list[frozenset[str]]] = defaultdict(list)
    for question in questions:
        if question.answer is None and question.accepted and not _has_options(question):
            text = (_plain(question.text), _plain(_given(question)))
            alike[text].append(frozenset(map(normalized, question.accepted)))
    repeated = [(accepted, list(dict.fromkeys(accepted))[:_COMPARED]) for accepted in alike.values()]
    return sum(any(one.isdisjoint(other) for other in others) for accepted, others in repeated for one in accepted)


def _plain(text: str) -> str:
    """Return a text without case, accents and punctuation; a text of punctuation alone stays as it is."""
    shown = normalized(text)
    kept = "".join(_kept(character) for character in shown)
    return " ".join(kept.split()) or shown


@lru_cache(maxsize=4096)
def _kept(character: str) -> str:
    if character in _SIGNS or unicodedata.category(character)[0] != "P":
        return character
    return "" if character == "'" else " "


def _root(above: dict[tuple[str, ...], tuple[str, ...]], mark: tuple[str, ...]) -> tuple[str, ...]:
    while (parent := above.setdefault(mark, mark)) != mark:
        above[mark] = above[parent]  # halves the way for the next one
        mark = parent
    return mark


def _given(question: Question) -> str:
    """Return what is read before a question's text: its context, and what was said before."""
    return "\n".join([question.context or "", *(message.content for message in question.turns)]).strip()
