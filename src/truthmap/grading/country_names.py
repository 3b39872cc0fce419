"""Other ways to name a country: its name in its own language, and its people's name before a place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources

from truthmap.grading.mentions import Candidates, Mention
from truthmap.grading.reading import Reading
from truthmap.text import normalized

_PLACE_LIST = """
state province city town capital region territory municipality district prefecture county island coast port village
department governorate canton emirate republic metropolis megacity mainland peninsula countryside
"""
_PLACES = frozenset(_PLACE_LIST.split())
_APART = frozenset(("south", "north", "latin", "central", "native", "african", "southeast", "northern", "west", "east"))
_REACH = 3
"""Words between a people's name and the place that it tells about, at most."""


@lru_cache(maxsize=64)
def with_own_names(candidates: Candidates) -> Candidates:
    """Return the candidates, countries among them with their names in their own languages: Germany, Deutschland.

    A name that another candidate has already is not added.
    """
    known = {normalized(name) for names in candidates for name in names}
    return tuple((*names, *(own for own in _of(names, "own") if normalized(own) not in known)) for names in candidates)


def own_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the own-language names of the country that goes by one of the names; nothing where none does."""
    return tuple(_of(names, "own"))


def is_people(name: str) -> bool:
    """Return whether a name only says of what country something is: `American`, `German-American`."""
    return all(part in _all_peoples() for part in name.replace("-", " ").split())


@lru_cache(maxsize=1)
def _all_peoples() -> frozenset[str]:
    return frozenset(people for country in _countries().values() for people in country.get("people", ()))


def people_mentions(reading: Reading, candidates: Candidates) -> Iterator[Mention]:
    """Yield where a text names a country by its people before a place: "the Indian state of", "a Nigerian city".

    A name that several candidates' peoples have names none of them.
    """
    peoples = _peoples(candidates)
    tokens = reading.tokens
    for index, token in enumerate(tokens):
        for length in (2, 1):
            words = tokens[index : index + length]
            thing = peoples.get(" ".join(word.norm for word in words)) if token.capital else None
            if thing is None or (index and tokens[index - 1].norm in _APART):
                continue
            behind = tokens[index + length : index + length + _REACH]
            place = next((n for n, word in enumerate(behind) if word.norm in _PLACES), None)
            if place is not None and all(word.word for word in behind[:place]):
                yield Mention(token.start, words[-1].end, " ".join(word.norm for word in words), (thing,))
                break


@lru_cache(maxsize=64)
def _peoples(candidates: Candidates) -> Mapping[str, int]:
    found: dict[str, list[int]] = {}
    for index, names in enumerate(candidates):
        for people in _of(names, "people"):
            found.setdefault(normalized(people), []).append(index)
    return {people: things[0] for people, things in found.items() if len(things) == 1}


def _of(names: tuple[str, ...], kind: str) -> list[str]:
    return next((_countries()[name].get(kind, []) for name in names if name in _countries()), [])


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, Mapping[str, list[str]]]:
    text = (resources.files("truthmap.grading") / "words" / "countries.json").read_text(encoding="utf-8")
    countries: Mapping[str, Mapping[str, list[str]]] = json.loads(text)
    return countries
