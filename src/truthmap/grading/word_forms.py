"""Forms of one word: plurals, endings that stick to a name, simplified characters, stems of a description."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources

from truthmap.grading.han_variants import simplified
from truthmap.text import normalized

_STICKING = frozenset(("ko", "fi", "tr", "hu"))
_VOWELS = frozenset("аеиоуыэюяьъ")
_SHORTEST = 3


@lru_cache(maxsize=8)
def endings(language: str) -> tuple[str, ...]:
    """Return the endings that stick to names in a language, normalized, in the order in which they are tried."""
    text = (resources.files("truthmap.grading") / "words" / "endings.json").read_text(encoding="utf-8")
    return tuple(dict.fromkeys(normalized(ending) for ending in json.loads(text)[language].split()))


def same_word(said: str, wanted: str, language: str, *, name: bool) -> bool:
    """Return whether a word that is said is a form of one that is wanted, both normalized.

    Args:
        said: The word in the answer.
        wanted: The word in the accepted answer.
        language: ISO 639-1 code of the answer's language.
        name: It is a proper name: its plural is another name ("Clooneys").
    """
    if said == wanted or simplified(said) == simplified(wanted):
        return True
    if language in _STICKING:
        ending = said[len(wanted) :]
        return (said.startswith(wanted) and _folded(ending, language)) or _finnish_stem(said, wanted, language)
    if language == "ru" and not wanted.isascii():
        return _same_russian(said, wanted)
    return not name and (_singular(said) == _singular(wanted) or said in (f"{wanted}er", f"{wanted}ist", f"{wanted}s"))


def same_stem(said: str, wanted: str) -> bool:
    """Return whether two words share a long beginning: gravity, gravitational."""
    if said == wanted:
        return True
    shared = next(
        (n for n, (one, other) in enumerate(zip(said, wanted, strict=False)) if one != other),
        min(len(said), len(wanted)),
    )
    return shared >= max(4, min(len(said), len(wanted)) - 2)


def _singular(word: str) -> str:
    for ending, instead in (
        ("ies", "y"),
        ("ves", "f"),
        ("oes", "o"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("sses", "ss"),
    ):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    return word[:-1] if len(word) > _SHORTEST and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


@lru_cache(maxsize=4096)
def _folded(ending: str, language: str) -> bool:
    return ending.lstrip("'’") in frozenset(endings(language))


def _finnish_stem(said: str, wanted: str, language: str) -> bool:
    """Return whether a Finnish name with a changed stem is meant: Helsinki, Helsingissä."""
    if language != "fi" or len(wanted) < 5:
        return False
    return said[: len(wanted) - 3] == wanted[:-3] and any(
        said.endswith(ending) for ending in ("ssa", "ssa", "sta", "lla", "lta", "lle", "n")
    )


def _same_russian(said: str, wanted: str) -> bool:
    """Return whether two Russian words differ in their endings alone; a vowel may fall out of a short name's stem."""
    if _russian_stem(said) == _russian_stem(wanted):
        return True
    bones, wanted_bones = _skeleton(said), _skeleton(wanted)
    if said[0] != wanted[0]:
        return False
    return (
        len(wanted) <= 5
        and len(wanted_bones) >= 2
        and bones.startswith(wanted_bones)
        and len(bones) - len(wanted_bones) <= 1
    )


def _russian_stem(word: str) -> str:
    for ending in endings("ru"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            return word[: -len(ending)]
    return word


def _skeleton(word: str) -> str:
    return "".join(letter for letter in word if letter not in _VOWELS)
