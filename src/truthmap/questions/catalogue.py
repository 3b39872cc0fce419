"""The sets that have a name, and what a reader should know of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from truthmap.questions import builtin
from truthmap.questions.paper_sets import PAPER_SETS, TRAIN, HubData, PaperFile
from truthmap.questions.tasks import Task
from truthmap.records import Question


@dataclass(frozen=True, slots=True)
class BuiltinSet:
    """A set that the package carries.

    Attributes:
        about: One line for a reader.
        source: Where its questions come from.
        questions: Yields them.
        task: How they are asked, graded and located.
        popularity: Returns how well known each question's subject is, by the question's id; `None`: it is not known.
    """

    about: str
    source: str
    questions: Callable[[], Iterator[Question]]
    task: Task
    popularity: Callable[[], Mapping[str, float]] | None = None


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A set that has a name.

    Attributes:
        name: What it is called.
        about: One line for a reader.
        source: Where its questions come from.
        task: How they are asked, graded and located.
    """

    name: str
    about: str
    source: str
    task: Task


_GEONAMES = "built in; GeoNames, CC BY 4.0"

BUILTIN_SETS: Mapping[str, BuiltinSet] = {
    "cities": BuiltinSet(
        "In which country is the city of X?", _GEONAMES, builtin.cities, builtin.CITIES_TASK, builtin.city_populations
    ),
    "us_cities": BuiltinSet(
        "In which US state is the city of X?",
        _GEONAMES,
        builtin.us_cities,
        builtin.US_CITIES_TASK,
        builtin.us_city_populations,
    ),
    "larger_city": BuiltinSet(
        "Which city has more inhabitants, X or Y?", _GEONAMES, builtin.larger_city, builtin.LARGER_CITY_TASK
    ),
    "arithmetic": BuiltinSet("What is 17 times 12?", "built in", builtin.arithmetic, builtin.ARITHMETIC_TASK),
}


def named_sets() -> tuple[NamedSet, ...]:
    """Return the sets that have a name: the built-in ones, then the paper's ten."""
    built_in = [NamedSet(name, entry.about, entry.source, entry.task) for name, entry in BUILTIN_SETS.items()]
    paper = [NamedSet(e.name, e.about, _source(e.source), e.task) for e in PAPER_SETS.values()]
    return (*built_in, *paper)


def subject_popularity(name: str) -> Mapping[str, float]:
    """Return how well known each question's subject is, by the question's id; empty for a set of which nobody knows."""
    known = BUILTIN_SETS.get(name)
    return {} if known is None or known.popularity is None else known.popularity()


def _source(source: PaperFile | HubData) -> str:
    if isinstance(source, PaperFile):
        return f"file {source.names[TRAIN]} of the paper"
    return f"hub {source.id}{'' if source.config is None else f' ({source.config})'}"
