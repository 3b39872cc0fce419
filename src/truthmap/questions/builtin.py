"""The built-in sets: made from open data in the package, so that everything works without a network.

City data: GeoNames (https://www.geonames.org), CC BY 4.0, by way of `scripts/make_city_data.py`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

from truthmap.questions.tasks import GradingRule, Locating, Task
from truthmap.records import Question
from truthmap.seeding import uniform_from

CITIES_TASK = Task(
    grading=GradingRule.CANDIDATES,
    locating=Locating.RULE,
    max_new_tokens=24,
    shadows=(
        "New [Mexico]", "Gulf of [Mexico]", "State of [Mexico]", "[Mexico] State", "[Mexico] City",
        "New [Jersey]", "South [America]", "North [America]", "Latin [America]", "Central [America]",
        "[Georgia], USA", "[Georgia], US", "[Georgia], U.S.", "[Georgia], United States",
        "[Georgia] in the United States",
        "[Georgia], in the United States", "[Georgia], America", "state of [Georgia]", "Atlanta, [Georgia]",
        "[Niger] State", "[Niger] Delta", "[Niger] River", "Lake [Chad]", "Gulf of [Guinea]", "New [Guinea]",
        "Gulf of [Oman]", "Inner [Mongolia]", "South [China] Sea", "East [China] Sea", "Sea of [Japan]",
        "Netherlands Antilles", "[Panama] Canal", "[Panama] City", "[Guatemala] City", "[Kuwait] City",
        "[Benin] City", "[Congo] River", "[Jordan] River", "West [Virginia]", "New South [Wales]", "New [England]",
        "[Luxembourg] Province", "[Hong Kong] Island",
    ),
)  # fmt: skip
US_CITIES_TASK = Task(
    grading=GradingRule.CANDIDATES,
    locating=Locating.RULE,
    max_new_tokens=24,
    shadows=(
        "[New York] City", "[Kansas] City", "[Oklahoma] City", "[Iowa] City", "[Virginia] Beach", "[Texas] City",
        "[Washington], D.C.", "[Washington] D.C.", "[Washington], DC", "[Washington] DC", "[Colorado] Springs",
        "[Colorado] River", "[Mississippi] River", "[Missouri] River", "[Ohio] River", "[Delaware] River",
        "[Arkansas] River", "Lake [Michigan]", "[Michigan] City", "[Nevada] City", "[Indiana] Harbor",
        "University of [California]", "Gulf of [California]",
    ),
)  # fmt: skip
LARGER_CITY_TASK = Task(
    grading=GradingRule.CHOICE,
    locating=Locating.RULE,
    chat_prompt="{text} Answer with the name of the city.",
    max_new_tokens=24,
)
ARITHMETIC_TASK = Task(
    grading=GradingRule.NUMBER, locating=Locating.RULE, chat_prompt="{text} Answer shortly.", max_new_tokens=32
)
ARITHMETIC_QUESTIONS = 1000

_Names = tuple[str, ...]


def cities() -> Iterator[Question]:
    """Yield "In which country is the city of X?" for the 1,600 most populous distinct names of GeoNames."""
    names, part_of = _countries()
    candidates = tuple(names.values())
    for row in _table("cities.csv"):
        home = row["country"]
        accepted = names[home] + names.get(part_of.get(home, ""), ())
        text = f"In which country is the city of {row['name']}?"
        yield Question(f"cities-{row['geonameid']}", text, accepted, candidates)


def us_cities() -> Iterator[Question]:
    """Yield "In which US state is the city of X?" for the 1,500 most populous distinct names in the fifty states."""
    rows = _table("us_cities.csv")
    candidates = tuple((state,) for state in sorted({row["state"] for row in rows}))
    for row in rows:
        text = f"In which US state is the city of {row['name']}?"
        yield Question(f"us_cities-{row['geonameid']}", text, (row["state"],), candidates)


def larger_city() -> Iterator[Question]:
    """Yield "Which city has more inhabitants, X or Y?", 1,500 pairs in which no city comes twice."""
    for row in _table("larger_city.csv"):
        first, second = row["first"], row["second"]
        larger = first if int(row["first_population"]) > int(row["second_population"]) else second
        text = f"Which city has more inhabitants, {first} or {second}?"
        yield Question(f"larger_city-{row['first_id']}-{row['second_id']}", text, (larger,), ((first,), (second,)))


def arithmetic() -> Iterator[Question]:
    """Yield 1,000 sums such as "What is 17 times 12?", of graded difficulty, no sum twice."""
    seen: set[str] = set()
    number = 0
    while len(seen) < ARITHMETIC_QUESTIONS:
        question = _sum(number)
        number += 1
        if question.group is not None and question.group not in seen:
            seen.add(question.group)
            yield question


# (operation, largest first number, largest second number): what one grade asks. A small model masters the first ones
# and fails at the last ones; where a grade has no sums left that were not asked, the others go on.
_GRADES = (
    ("times", 9, 9), ("plus", 9, 9), ("minus", 9, 9), ("plus", 20, 20), ("times", 12, 12), ("minus", 20, 20),
    ("times", 20, 12), ("plus", 40, 20), ("divided by", 12, 12), ("minus", 40, 20),
)  # fmt: skip


def _sum(number: int) -> Question:
    """Make sum `number` from dice labelled with it."""
    operation, most_first, most_second = _GRADES[number % len(_GRADES)]
    first = 2 + int(uniform_from("arithmetic", number, "first") * (most_first - 1))
    second = 2 + int(uniform_from("arithmetic", number, "second") * (most_second - 1))
    if operation == "minus":
        first, second = max(first, second), min(first, second)
        result = first - second
    elif operation == "divided by":
        first, result = first * second, first
    else:
        result = first + second if operation == "plus" else first * second
    # 3 plus 5 and 5 plus 3 are one sum.
    low, high = sorted((first, second))
    return Question(
        f"arithmetic-{first}-{operation.split()[0]}-{second}",
        f"What is {first} {operation} {second}?",
        (str(result),),
        group=f"{low} {operation} {high}",
    )


def city_populations() -> dict[str, float]:
    """Return how many inhabitants the city of each question of `cities` has, by the question's id."""
    return _populations("cities")


def us_city_populations() -> dict[str, float]:
    """Return how many inhabitants the city of each question of `us_cities` has, by the question's id."""
    return _populations("us_cities")


def _populations(name: str) -> dict[str, float]:
    return {f"{name}-{row['geonameid']}": float(row["population"]) for row in _table(f"{name}.csv")}


@lru_cache(maxsize=1)
def _countries() -> tuple[dict[str, _Names], dict[str, str]]:
    content = json.loads(_read("countries.json"))
    names = {country["code"]: tuple(country["names"]) for country in content}
    return names, {country["code"]: country["part_of"] for country in content if country["part_of"]}


def _table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_read(name).splitlines()))


def _read(name: str) -> str:
    return (resources.files("truthmap.questions") / "data" / name).read_text(encoding="utf-8")
