"""The words and marks of a text, in one pass: what the reader of answers and its word lists are made of."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache

from truthmap.text import is_unspaced, normalized

_APOSTROPHES = frozenset("'’ʼ＇")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number, a line's end or a mark.

    Attributes:
        start: First character, in the text.
        end: One past the last character.
        norm: The word normalized; the mark itself; a line's end as it is.
        word: It is a word or a number, not a mark.
        capital: It begins with a capital letter.
    """

    start: int
    end: int
    norm: str
    word: bool
    capital: bool


def tokenize(text: str) -> tuple[Token, ...]:
    """Cut a text into words, numbers, line ends and single marks; blanks are left out.

    A word is a run of letters and their marks; `isn't` is one word, other apostrophes part words (`France`, `'`, `s`).
    In scripts that put no spaces between words each character is a word by itself. Takes time linear in the text.
    """
    found: list[Token] = []
    index, length = 0, len(text)
    while index < length:
        kind = _kind(text[index])
        end = index + 1
        if kind in ("letter", "digit"):
            while end < length and _kind(text[end]) in (kind, "mark"):
                end += 1
            if kind == "letter" and _denies(text, index, end):
                end += 2
        elif kind == "single":
            while end < length and _kind(text[end]) == "mark":
                end += 1
        if kind != "blank":
            piece = text[index:end]
            word = kind in ("letter", "digit", "single")
            norm = _norm(piece) if word else piece
            found.append(Token(index, end, norm, word, word and piece[0].isupper()))
        index = end
    return tuple(found)


def words_of(text: str) -> tuple[str, ...]:
    """Return the normalized words and marks of a text.

    >>> words_of("It isn’t Peru.")
    ('it', "isn't", 'peru', '.')
    """
    return tuple(token.norm for token in tokenize(text))


def tokens_between(starts: tuple[int, ...], ends: tuple[int, ...], start: int, end: int) -> tuple[int, int]:
    """Return which tokens hold a character of `[start, end)`, from the first to one past the last.

    Args:
        starts: First characters of the tokens, ascending.
        ends: Their ends.
        start: First character looked for.
        end: One past the last.
    """
    return bisect_right(ends, start), bisect_left(starts, end)


def _denies(text: str, start: int, end: int) -> bool:
    """Return whether `'t` follows a word that ends in n."""
    return (
        text[end - 1] in "nN"
        and text[end : end + 1] in _APOSTROPHES
        and text[end + 1 : end + 2] in ("t", "T")
        and _kind(text[end + 2 : end + 3] or " ") not in ("letter", "digit")
        and end > start
    )


@lru_cache(maxsize=1 << 15)
def _norm(piece: str) -> str:
    return normalized(piece) or piece


@lru_cache(maxsize=1 << 15)
def _kind(character: str) -> str:
    if character in "\n\r\u2028\u2029":
        return "line"
    if character.isspace() or unicodedata.category(character) in ("Cf", "Cc"):
        return "blank"
    if is_unspaced(character) and character.isalnum():
        return "single"
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "letter"
    if unicodedata.category(character)[0] == "M":
        return "mark"
    return "digit" if character.isnumeric() and character.isalnum() else "other"
