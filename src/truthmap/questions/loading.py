"""Question sets by name or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from truthmap.errors import QuestionsError
from truthmap.questions import builtin
from truthmap.questions.sets import QuestionSet, choose, question_set
from truthmap.questions.tasks import Task
from truthmap.records import Question


class QuestionSettings(BaseModel):
    """Which questions of a set are taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int | None = Field(default=None, ge=1, description="At most this many questions, chosen at random.")
    seed: int = Field(default=0, description="Another seed chooses others.")
    path: Path | None = Field(default=None, description="The file of a set that the package does not carry.")


@dataclass(frozen=True, slots=True)
class KnownSet:
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


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    known: KnownSet
    questions: Callable[[], Iterator[Question]]


_GEONAMES = "built in; GeoNames, CC BY 4.0"
_BUILT_IN = {
    entry.known.name: entry
    for entry in (
        _BuiltIn(
            KnownSet("cities", "In which country is the city of X?", _GEONAMES, builtin.CITIES_TASK), builtin.cities
        ),
        _BuiltIn(
            KnownSet("us_cities", "In which US state is the city of X?", _GEONAMES, builtin.US_CITIES_TASK),
            builtin.us_cities,
        ),
        _BuiltIn(
            KnownSet("larger_city", "Which city has more inhabitants, X or Y?", _GEONAMES, builtin.LARGER_CITY_TASK),
            builtin.larger_city,
        ),
        _BuiltIn(
            KnownSet("arithmetic", "What is 27 times 14?", "built in", builtin.ARITHMETIC_TASK), builtin.arithmetic
        ),
    )
}


def known_sets() -> tuple[KnownSet, ...]:
    """Give the sets that have a name."""
    return tuple(entry.known for entry in _BUILT_IN.values())


def load_questions(name_or_path: str, settings: QuestionSettings | None = None) -> QuestionSet:
    """Load a question set by its name, or from a file.

    Raises:
        QuestionsError: there is no such set or file, or it is malformed.
    """
    settings = settings or QuestionSettings()
    if name_or_path in _BUILT_IN:
        entry = _BUILT_IN[name_or_path]
        chosen = choose(entry.questions(), settings.limit, settings.seed)
        return question_set(name_or_path, chosen, entry.known.task)
    known = ", ".join(sorted(_BUILT_IN))
    raise QuestionsError(f"unknown question set {name_or_path!r}; the known ones are {known}")
