"""Names of persons: whether two are one person's, and whether a name is part of another's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from truthmap.grading.reading import Reading
from truthmap.grading.tokens import Token, words_of

_TITLES = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "sir",
        "dame",
        "lord",
        "lady",
        "king",
        "queen",
        "prince",
        "princess",
        "president",
        "emperor",
        "empress",
        "pope",
        "saint",
        "st",
        "general",
        "captain",
        "professor",
        "prof",
        "senator",
        "chancellor",
        "minister",
        "prime",
        "count",
        "duke",
        "baron",
        "rev",
        "reverend",
        "judge",
        "chief",
        "author",
        "poet",
        "actor",
        "actress",
        "director",
        "composer",
        "painter",
        "writer",
        "inventor",
        "scientist",
        "physicist",
        "explorer",
        "the",
        "a",
        "an",
        "by",
        "and",
        "of",
        "was",
        "is",
    ]
)
_RELATIONS = frozenset(
    [
        "wife",
        "husband",
        "son",
        "daughter",
        "brother",
        "sister",
        "father",
        "mother",
        "friend",
        "rival",
        "successor",
        "predecessor",
        "student",
        "teacher",
        "pupil",
        "cousin",
        "uncle",
        "aunt",
        "nephew",
        "niece",
        "partner",
        "colleague",
        "assistant",
        "enemy",
        "mentor",
        "widow",
        "grandson",
        "granddaughter",
        "contemporary",
        "biographer",
        "killer",
        "assassin",
        "bodyguard",
        "boss",
        "neighbor",
        "neighbour",
        "fiancee",
        "fiance",
        "girlfriend",
        "boyfriend",
        "twin",
    ]
)
_POSSESSIVE = frozenset("'’`")


def belongs_to_other(reading: Reading, first: int, last: int, alias: str, accepted: Iterable[str]) -> bool:
    """Return whether an accepted name in an answer is another person's: "Jacqueline Kennedy", "Kennedy's rival".

    Jacqueline Kennedy is another where a longer accepted name (John F. Kennedy) says what the first name is.
    """
    tokens = reading.tokens
    if _is_relation(tokens, last) or _is_related(tokens, first):
        return True
    given = _given_names(reading, first)
    if not given:
        return False
    wanted = words_of(alias)
    longer = [
        words for name in accepted if len(words := _names(name)) > len(wanted) and words[-len(wanted) :] == wanted
    ]
    return bool(longer) and not any(_compatible(given, words[: -len(wanted)]) for words in longer)


def same_person(said: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether a name that is said can be the wanted person's: the same last name, first names that agree.

    >>> same_person(["g", "washington"], ["george", "washington"])
    True
    >>> same_person(["martha", "washington"], ["george", "washington"])
    False
    """
    return bool(said) and bool(wanted) and said[-1] == wanted[-1] and _compatible(said[:-1], wanted[:-1])


def _compatible(said: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether each first name that is said is one of the wanted ones, or its initial, in their order."""
    place = 0
    for name in said:
        while place < len(wanted) and not (
            wanted[place] == name or (1 in (len(name), len(wanted[place])) and name[0] == wanted[place][0])
        ):
            place += 1
        if place == len(wanted):
            return False
        place += 1
    return True


def _is_relation(tokens: Sequence[Token], last: int) -> bool:
    """Return whether what follows is "'s wife", "'s husband's rival"."""
    if last + 2 >= len(tokens) or tokens[last].norm not in _POSSESSIVE or tokens[last + 1].norm != "s":
        return False
    return any(token.norm in _RELATIONS for token in tokens[last + 2 : last + 4])


def _is_related(tokens: Sequence[Token], first: int) -> bool:
    """Return whether "a contemporary of" stands before: somebody else is meant."""
    return first > 1 and tokens[first - 1].norm == "of" and tokens[first - 2].norm in _RELATIONS


def _given_names(reading: Reading, first: int) -> list[str]:
    """Return the capitalised words that stand right before a name, titles and words that open a sentence left out."""
    given: list[str] = []
    index = first - 1
    while index >= 0 and first - index < 8:
        token = reading.tokens[index]
        initial = token.norm == "." and index > 0 and reading.tokens[index - 1].capital
        if not initial and (not token.capital or token.norm in _TITLES):
            break
        if token.word:
            given.insert(0, token.norm)
        index -= 1
    opens = bool(given) and (index < 0 or not reading.tokens[index].word) and given[0] in reading.language.glue
    return given[1:] if opens else given


def _names(name: str) -> tuple[str, ...]:
    return tuple(word for word in words_of(name) if word[0].isalnum() and word not in _TITLES)
