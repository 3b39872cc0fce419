"""Which language an answer is in: by its script, else by its common words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources

from truthmap.grading.lexicon import Language, Sign
from truthmap.grading.tokens import Token, tokenize

ENGLISH = "en"
EUROPEAN = ("es", "fr", "de", "pt", "it", "tr", "fi", "id")
"""Languages in Latin letters, told apart by their common words."""
LANGUAGES = (ENGLISH, *EUROPEAN, "ru", "zh", "ja", "ko", "ar", "hi", "bn", "ur")
_BAR = "|"
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0400, 0x052F, "Cyrillic"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x1100, 0x11FF, "Hangul"),
    (0x3040, 0x30FF, "Kana"),
    (0x3400, 0x9FFF, "Han"),
    (0xAC00, 0xD7AF, "Hangul"),
)
_BY_SCRIPT = {"Cyrillic": "ru", "Devanagari": "hi", "Bengali": "bn", "Hangul": "ko", "Kana": "ja"}
_FEWEST = 2
"""Common words that another language than English must show."""
_TELLING = (Sign.REFUSES, Sign.SOFTENS, Sign.NEGATES, Sign.CONTRASTS)
_ENOUGH = 3
"""Words of an answer that tell its language without its question."""
_READ = 400
"""Words that are looked at."""


def language_of(tokens: Sequence[Token], question: str = "") -> Language:
    """Return the language of an answer and its question; English where nothing tells."""
    words = [token.norm for token in tokens[:_READ] if token.word]
    asked = [token.norm for token in tokenize(question[: 10 * _READ])[:_READ] if token.word]
    scripts = Counter(_script(word) for word in [*words, *asked])
    del scripts[""]
    script, count = max(scripts.items(), key=lambda item: item[1], default=("", 0))
    if script and 4 * count >= len(words) + len(asked):
        return language(_by_script(script, scripts, {*words, *asked}))
    said = {code: _common(code, words) for code in (ENGLISH, *EUROPEAN)}
    if not said[ENGLISH]:
        told = {code: _told(code, tokens[:_READ]) for code in EUROPEAN}
        if max(told.values()):
            return language(max(told, key=lambda code: (told[code], _common(code, asked))))
    if sum(word.isalpha() and len(word) > 1 for word in words) >= _ENOUGH and max(said.values()) > said[ENGLISH]:
        return language(max(said, key=lambda code: said[code]))
    shared = {code: said[code] + _common(code, asked) for code in said}
    best = max(shared, key=lambda code: shared[code])
    return language(best if shared[best] > max(shared[ENGLISH], _FEWEST - 1) else ENGLISH)


@lru_cache(maxsize=len(LANGUAGES))
def language(code: str) -> Language:
    """Return the word lists of one of `LANGUAGES`."""
    text = (resources.files("truthmap.grading") / "words" / f"{code}.json").read_text(encoding="utf-8")
    lists = {name: _split(lines) for name, lines in json.loads(text).items()}
    common = frozenset(lists.pop("common"))
    return Language(code, common, {Sign(name): phrases for name, phrases in lists.items()})


def _told(code: str, tokens: Sequence[Token]) -> int:
    """Return in how many words a text declines, denies or contrasts in a language, English words aside."""
    known = language(ENGLISH).known
    marks = language(code).marks(tokens, _TELLING)
    return sum(mark.end - mark.start for mark in marks if tokens[mark.start].norm not in known)


def _split(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(phrase.strip() for line in lines for phrase in line.split(_BAR))


def _by_script(script: str, scripts: Counter[str], words: set[str]) -> str:
    if script == "Han":
        return "ja" if 5 * scripts["Kana"] > scripts["Han"] else "zh"
    if script == "Arabic":
        return "ar" if words.isdisjoint(language("ur").common) else "ur"
    return _BY_SCRIPT[script]


def _common(code: str, words: Iterable[str]) -> int:
    common = language(code).common
    shared = frozenset() if code == ENGLISH else language(ENGLISH).known
    return sum(word in common and word not in shared for word in words)


def _script(word: str) -> str:
    code = ord(word[0])
    if code < _SCRIPTS[0][0]:
        return ""
    return next((name for low, high, name in _SCRIPTS if low <= code <= high), "")
