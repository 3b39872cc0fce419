"""Names with an ending that sticks to them: Korean particles, Finnish and Turkish cases, Russian declension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from truthmap.grading.mentions import Candidates, Mention
from truthmap.grading.reading import Reading
from truthmap.grading.tokens import words_of
from truthmap.grading.word_forms import same_word
from truthmap.text import normalized

_SHARED = 2
"""Letters that a name and its inflected form share at least."""
_LANGUAGES = frozenset(("ko", "fi", "tr", "hu", "ru"))


def inflected_mentions(reading: Reading, question: str, candidates: Candidates) -> Iterator[Mention]:
    """Yield where a text names candidates with endings, in languages where endings stick to names."""
    code = reading.language.code
    if code not in _LANGUAGES:
        return
    by_start = _by_start(candidates)
    asked = frozenset(words_of(question))
    for token in reading.tokens:
        if token.word and token.norm not in asked:
            for name, thing in by_start.get(token.norm[:_SHARED], ()):
                if same_word(token.norm, name, code, name=True):
                    yield Mention(token.start, token.end, name, (thing,))
                    break


@lru_cache(maxsize=64)
def _by_start(candidates: Candidates) -> Mapping[str, tuple[tuple[str, int], ...]]:
    """Return the names of one word by their first letters, the longest first, with the candidate that has them."""
    found: dict[str, list[tuple[str, int]]] = {}
    for index, names in enumerate(candidates):
        for name in map(normalized, names):
            if " " not in name and len(name) > 1:
                found.setdefault(name[:_SHARED], []).append((name, index))
    return {start: tuple(sorted(each, key=lambda entry: -len(entry[0]))) for start, each in found.items()}
