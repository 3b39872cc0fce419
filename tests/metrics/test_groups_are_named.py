"""Nobody asks for an interval without saying which answers belong together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import truthmap

SOURCE = Path(truthmap.__file__).parent
PLACE = {
    "auc_estimate": 2, "auc_many": 2, "mean_auc": 2, "auc_gain": 3, "auc_differences": 3, "within_auc": 3,
    "share_of": 1, "exact_share_of": 1,
}  # fmt: skip
"""Where among its arguments a function takes the groups."""


def calls_without_groups(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of calls that leave the groups out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACE:
            named = any(keyword.arg == "group" for keyword in node.keywords)
            if not named and len(node.args) <= PLACE[node.func.id]:
                yield node.lineno


def test_every_interval_in_the_package_is_by_group() -> None:
    files = [path for path in SOURCE.rglob("*.py") if path.parent.name != "metrics"]
    found = {path.name: list(calls_without_groups(ast.parse(path.read_text(encoding="utf-8")))) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("call", "lines"),
    [("auc_estimate(s, y)", [1]), ("auc_estimate(s, y, g)", []), ("auc_many(s, y, group=g)", []), ("share_of(h)", [1])],
)
def test_a_call_without_groups_is_seen(call: str, lines: list[int]) -> None:
    assert list(calls_without_groups(ast.parse(call))) == lines
