"""Rules and ways of locating are known by their names alone; what settings name is resolved in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import truthmap
from truthmap.grading.kinds import LOCATINGS, RULES, needs_judge, needs_locator
from truthmap.grading.resolve_task import default_locating, resolve_task
from truthmap.questions.tasks import GradingRule, Locating, Task

OPEN = Task(GradingRule.ALIAS, Locating.MODEL, chat_prompt="{text}!")
NUMBER = Task(GradingRule.NUMBER)
SOURCE = Path(truthmap.__file__).parent


def test_every_name_is_a_kind() -> None:
    assert set(RULES) == {str(name) for name in GradingRule}
    assert set(LOCATINGS) == {str(name) for name in Locating}
    assert [rule.name for rule in RULES.values()] == list(RULES)
    assert [locating.name for locating in LOCATINGS.values()] == list(LOCATINGS)


def test_what_kinds_need() -> None:
    assert [name for name in RULES if needs_judge(Task(GradingRule(name)))] == ["judge"]
    assert [name for name in LOCATINGS if needs_locator(Task(GradingRule.ALIAS, Locating(name)))] == ["model", "gold"]
    assert [name for name, rule in RULES.items() if rule.needs_candidates] == ["candidates", "choice", "label"]


@pytest.mark.parametrize("name", GradingRule)
def test_a_rule_without_spans_of_its_own_is_located_by_a_model(name: GradingRule) -> None:
    expected = Locating.RULE if name in ("candidates", "number", "choice", "label", "auto") else Locating.MODEL
    assert default_locating(RULES[name]) is expected


@pytest.mark.parametrize(
    ("own", "settings", "grading", "locating"),
    [
        (NUMBER, {}, "number", "rule"),
        (NUMBER, {"locator": "same"}, "number", "model"),
        (NUMBER, {"locator": "same", "gold": True}, "number", "gold"),
        (NUMBER, {"gold": True}, "number", "rule"),
        (NUMBER, {"grading": GradingRule.ALIAS}, "alias", "name"),
        (NUMBER, {"grading": GradingRule.ALIAS, "locator": "same"}, "alias", "model"),
        (NUMBER, {"locating": Locating.NAME, "locator": "same", "gold": True}, "number", "name"),
        (OPEN, {}, "alias", "name"),
        (OPEN, {"locator": "same"}, "alias", "model"),
        (OPEN, {"locating": Locating.MODEL}, "alias", "model"),
        (OPEN, {"grading": GradingRule.ALIAS}, "alias", "name"),
        (OPEN, {"grading": GradingRule.NUMBER}, "number", "rule"),
        (Task(GradingRule.READY, Locating.COLUMN), {"locator": "same"}, "ready", "column"),
    ],
)
def test_what_settings_name_goes_before_what_the_set_says(
    own: Task, settings: dict[str, object], grading: str, locating: str
) -> None:
    task = resolve_task(own, **settings)  # type: ignore[arg-type]
    assert (str(task.grading), str(task.locating)) == (grading, locating)
    assert task.chat_prompt == own.chat_prompt


def test_nobody_compares_the_names_of_kinds() -> None:
    assert list(comparisons()) == []


def comparisons() -> Iterator[str]:
    """Name each comparison with a rule or a way of locating by its name."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
            names = [n for side in sides for n in ast.walk(side) if isinstance(n, ast.Attribute)]
            for name in names:
                if isinstance(name.value, ast.Name) and name.value.id in ("GradingRule", "Locating"):
                    yield f"{path.relative_to(SOURCE)}:{node.lineno} {ast.unparse(node)}"
