"""Options that go by letters: which candidate a letter stands for, and where a text's `A` is one."""

from __future__ import annotations

import re
import string
from functools import lru_cache

from truthmap.grading.mentions import Candidates, Mention
from truthmap.grading.reading import Reading
from truthmap.text import normalized

LETTERS = string.ascii_uppercase
# "(A) cat", "A) cat", "A. cat", "A: cat" in a question: the letter of an option and where its text begins.
_OPTION = re.compile(r"(?:^|[\s(\[])([A-Z])[).:\]][ \t]{1,4}", re.MULTILINE)
_LONGEST = 200


def with_letters(candidates: Candidates) -> Candidates:
    """Return the candidates with their letters, A for the first, as a further name.

    >>> with_letters((("Lima",), ("Quito",)))
    (('Lima', 'A'), ('Quito', 'B'))
    """
    return tuple((*names, letter) for names, letter in zip(candidates, LETTERS, strict=False))


@lru_cache(maxsize=4096)
def with_option_texts(candidates: Candidates, question: str) -> Candidates:
    """Return candidates that are letters with the texts that the question gives for them: "(A) cat (B) dog".

    Others are returned as they are.
    """
    if not all(_is_letter(names[0]) for names in candidates):
        return candidates
    texts = option_texts(question)
    return tuple((*names, *filter(None, (texts.get(names[0].strip().upper()),))) for names in candidates)


def option_texts(question: str) -> dict[str, str]:
    """Return the options that a question lists, letter and text; empty where the letters do not go on from A."""
    found = list(_OPTION.finditer(question))
    texts: dict[str, str] = {}
    for place, match in enumerate(found):
        if match[1] != LETTERS[len(texts) % len(LETTERS)]:
            continue
        end = found[place + 1].start() if place + 1 < len(found) else len(question)
        text = question[match.end() : min(end, match.end() + _LONGEST)].split("\n", maxsplit=1)[0].strip(" \t.,;?")
        texts[match[1]] = text
    return texts if len(texts) > 1 else {}


def is_option_letter(reading: Reading, mention: Mention) -> bool:
    """Return whether a single letter that a text holds is an option, not a word such as the article `A`.

    It is one where a mark, a line's end or a verb follows it ("A.", "(A)", "A is …"), or a word leads up to it
    ("option A", "so A"); not where it opens a clause and an ordinary word follows ("A dog is …").
    """
    written = reading.text[mention.start : mention.end]
    if not _is_letter(written):
        return True
    first, last = reading.tokens_of(mention.start, mention.end)
    if written.islower():
        return len([token for token in reading.tokens if token.word]) == 1 or _in_brackets(reading, first, last)
    after = reading.tokens[last] if last < len(reading.tokens) else None
    if after is None or not after.word:
        return not _is_initial(reading, first, last)
    follows = after.norm in reading.language.glue and after.norm not in ("a", "an", "the", "very", "most", "one")
    if written in ("A", "I"):
        verb = after.norm in (
            "is",
            "was",
            "would",
            "must",
            "because",
            "since",
            "as",
            "seems",
            "fits",
            "has",
            "and",
            "or",
            "not",
            "but",
        )
        return verb if written == "A" else verb and after.norm in ("is", "because", "since", "fits", "or")
    return follows or not after.norm.isalpha() or not after.capital


def _in_brackets(reading: Reading, first: int, last: int) -> bool:
    before = reading.tokens[first - 1].norm if first else ""
    after = reading.tokens[last].norm if last < len(reading.tokens) else ""
    return after == ")" and (before in ("(", "") or first == 0)


def _is_initial(reading: Reading, first: int, last: int) -> bool:
    """Return whether the letter is an initial in a name ("B. Franklin") or a word's end ("vitamin's A'")."""
    tokens = reading.tokens
    if last + 1 >= len(tokens) or tokens[last].norm != "." or not tokens[last + 1].capital:
        return False
    return first > 0 and tokens[first - 1].capital and tokens[first - 1].word


def _is_letter(name: str) -> bool:
    return len(normalized(name)) == 1 and normalized(name).isascii() and normalized(name).isalpha()
