"""Whether an answer tells of the event that was asked for, or of the opposite one: born and died, built and fell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from truthmap.grading.reading import Reading
from truthmap.grading.tokens import Token, tokenize

_BEGINS = frozenset(
    [
        "born",
        "birth",
        "built",
        "founded",
        "began",
        "begin",
        "begins",
        "begun",
        "start",
        "started",
        "starts",
        "opened",
        "open",
        "established",
        "created",
        "erected",
        "constructed",
        "launched",
        "inaugurated",
        "formed",
        "introduced",
        "enacted",
        "entered",
        "bought",
        "arrived",
        "married",
    ]
)
_ENDS = frozenset(
    [
        "died",
        "die",
        "dies",
        "death",
        "fell",
        "fall",
        "fallen",
        "ended",
        "end",
        "ends",
        "closed",
        "close",
        "destroyed",
        "demolished",
        "collapsed",
        "dissolved",
        "abolished",
        "sank",
        "sink",
        "sunk",
        "retired",
        "extinct",
        "repealed",
        "left",
        "sold",
        "departed",
        "divorced",
        "cancelled",
        "disbanded",
        "surrendered",
        "torn",
        "dismantled",
    ]
)


def is_opposite_event(asked: Iterable[str], said: Iterable[str]) -> bool:
    """Return whether an answer's words tell of the end where the question asks for the beginning, or conversely."""
    question, answer = set(asked), set(said)
    for one, other in ((_BEGINS, _ENDS), (_ENDS, _BEGINS)):
        if question & one and not question & other:
            return bool(answer & other) and not answer & one
    return False


def says_other_way_round(question: str, reading: Reading) -> bool:
    """Return whether an answer turns giver and receiver of the question round: "to X" there, "from X" here."""
    asked = tokenize(question)
    for one, other in (("to", "from"), ("from", "to")):
        names = _behind(asked, one)
        if names and names & _behind(reading.tokens, other) and not names & _behind(reading.tokens, one):
            return True
    return False


def _behind(tokens: Sequence[Token], preposition: str) -> set[str]:
    """Return the capitalised words that stand right behind a preposition, an article between them aside."""
    found = set()
    for index, token in enumerate(tokens):
        if token.norm == preposition:
            rest = [t for t in tokens[index + 1 : index + 4] if t.norm != "the"]
            if rest and rest[0].capital:
                found.add(rest[0].norm)
    return found
