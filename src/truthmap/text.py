"""Text normalized for comparing, with the way back to the characters it came from.

Normalizing lowers case, drops accents, spells ligatures out, makes one kind of apostrophe, and turns every run of white
space and dashes into one space. Each normalized character remembers which characters of the original it stands for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

# Letters that look accented but have no decomposition in Unicode.
_SPELLED = {
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n",
    "’": "'", "‘": "'", "ʼ": "'", "ʻ": "'", "`": "'", "´": "'", "＇": "'",
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
}  # fmt: skip
_ZERO_WIDTH_SPACE = "\u200b"
# Combining classes of marks that are part of a letter (nukta, kana voicing, virama): dropping them changes the word.
_LETTER_MARKS = (0, 7, 8, 9)
_FIRST_ACCENT, _HEBREW_ARABIC = 200, range(10, 36)
# Scripts written without spaces between words: any border of characters there can be a border of words.
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)  # fmt: skip

CUT = "…"
"""Stands where a text was cut."""

_REPLACEMENT = "\ufffd"
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class NormalizedText:
    """A normalized text and its map: its character `i` stands for the original's characters `[starts[i], ends[i])`.

    Both maps never decrease, so a normalized range `[a, b)` stands for the original range `[starts[a], ends[b - 1])`.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the original's characters that the normalized characters `[start, end)` stand for; `start < end`."""
        return self.starts[start], self.ends[end - 1]


def normalize(text: str) -> NormalizedText:
    """Normalize `text` and keep the map back to it.

    >>> normalize("Côte  d’Ivoire").text
    "cote d'ivoire"
    >>> normalize("Straße").original(4, 6)  # the two letters "ss" are one character of the original
    (4, 5)
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(text):
        plain = _normalize_character(character)
        if plain == " " and pieces and pieces[-1] == " ":
            ends[-1] = index + 1
        elif plain:
            pieces.extend(plain)
            starts.extend([index] * len(plain))
            ends.extend([index + 1] * len(plain))
        elif ends and pieces[-1] != " " and unicodedata.category(character)[0] == "M":
            # A combining accent belongs to the letter before it.
            ends[-1] = index + 1
    return NormalizedText("".join(pieces), tuple(starts), tuple(ends))


def normalized(text: str) -> str:
    r"""Return the normalized text alone, without blanks around it.

    >>> normalized(" São\tPaulo "), normalized("Guinea-Bissau")
    ('sao paulo', 'guinea bissau')
    """
    return "".join(_runs(text)).strip()


def is_border(text: str, index: int) -> bool:
    """Return whether a word can begin or end between the characters `index - 1` and `index` of a normalized text.

    In scripts that put no spaces between words (Chinese, Japanese, Thai, …) it can anywhere.
    """
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    return not (_in_word(before) and _in_word(after)) or is_unspaced(before) or is_unspaced(after)


def is_unspaced(character: str) -> bool:
    """Return whether a character belongs to a script that puts no spaces between words."""
    code = ord(character)
    return code >= _UNSPACED[0][0] and any(low <= code <= high for low, high in _UNSPACED)


def find_words(text: str, phrase: str, start: int = 0) -> int:
    """Return where `phrase` stands in `text` as whole words, from `start` on, both normalized; -1 if nowhere."""
    while phrase and (at := text.find(phrase, start)) >= 0:
        if is_border(text, at) and is_border(text, at + len(phrase)):
            return at
        start = at + 1
    return -1


def sanitize(
    text: str, *, kept: str = "\n\t", with_formats: bool = False, instead: Callable[[str], str] = lambda _: _REPLACEMENT
) -> str:
    r"""Return untrusted text in which nothing moves a cursor, changes a colour, reorders its surroundings or is hidden.

    >>> sanitize("a\x1b[31m")
    'a�[31m'

    Args:
        text: The text.
        kept: Characters that stay although they cannot be seen: by default line ends and tabs.
        with_formats: Keep what only shapes its neighbours (joiners in emoji and in scripts, blanks of all widths), as a
            page can show it; direction overrides, controls and lone surrogates never stay.
        instead: What to put in a hidden character's place.
    """
    hidden = _is_hidden if with_formats else _is_unprintable
    return "".join(instead(c) if c not in kept and hidden(c) else c for c in text)


def cut(text: str, limit: int) -> str:
    """Return the text, its end left off where it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + CUT


def guard_formula(text: str) -> str:
    """Return the text with a `'` in front where a spreadsheet would take it for a formula.

    >>> guard_formula("=1+1"), guard_formula("1+1")
    ("'=1+1", '1+1')
    """
    return f"'{text}" if text.lstrip(" \n").startswith(_FORMULA) else text


def harmless(text: str) -> str:
    r"""Return a text that a spreadsheet or terminal takes for text.

    >>> harmless("=1+1"), harmless("a\x1b[2J")
    ("'=1+1", 'a\\x1b[2J')
    """
    guarded = guard_formula(text)
    return sanitize(guarded, kept="\n", instead=lambda hidden: hidden.encode("unicode_escape").decode())


def _is_unprintable(character: str) -> bool:
    return not character.isprintable()


def _is_hidden(character: str) -> bool:
    return character in _REORDERING or unicodedata.category(character) in ("Cc", "Cs")


def _runs(text: str) -> list[str]:
    pieces: list[str] = []
    for character in text:
        piece = _normalize_character(character)
        if piece and not (piece == " " and pieces and pieces[-1] == " "):
            pieces.append(piece)
    return pieces


@lru_cache(maxsize=1 << 16)
def _normalize_character(character: str) -> str:
    if character.isspace() or character == _ZERO_WIDTH_SPACE or unicodedata.category(character) == "Pd":
        return " "
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    kept = "".join(_SPELLED.get(each, each) for each in plain if not _is_dropped(each))
    return " " if kept and kept.isspace() else kept


def _is_dropped(character: str) -> bool:
    if unicodedata.category(character) == "Cf":
        return True
    kind = unicodedata.combining(character)
    return kind not in _LETTER_MARKS and (kind >= _FIRST_ACCENT or kind in _HEBREW_ARABIC)


def _in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"
