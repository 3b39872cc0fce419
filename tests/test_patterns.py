"""Every pattern of the package searches in time linear in the text, and none comes from a file."""

from __future__ import annotations

import ast
import importlib
import re
import string
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import truthmap

SOURCE = Path(truthmap.__file__).parent
SIZE = 100_000
SECONDS = 1.0
"""Processor time that one search of 100 kB may take; a linear one takes some milliseconds."""
UNBOUNDED = 1000
_CALLS = ("compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")
_SAMPLES = (*string.ascii_letters[:3], *string.digits[:2], *" \n\t.,;:!?-_'\"()[]{}*/\\=%$é法")


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield the module and the call of each function of `re` that takes a pattern."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(("truthmap", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            function = node.func if isinstance(node, ast.Call) else None
            of_re = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
            if of_re and function.value.id == "re" and function.attr in _CALLS:  # type: ignore[union-attr]
                assert isinstance(node, ast.Call)
                yield module, node


def patterns() -> dict[str, re.Pattern[str]]:
    """Return every pattern: those written out in a call, and those that a module holds."""
    found: dict[str, re.Pattern[str]] = {}
    for module, call in calls():
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            flags = re.VERBOSE if "VERBOSE" in ast.unparse(call) else 0
            found[f"{module}:{call.lineno}"] = re.compile(first.value, flags)
        else:
            held = vars(importlib.import_module(module)).items()
            found.update({f"{module}.{name}": value for name, value in held if isinstance(value, re.Pattern)})
    return found


def repeats(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield for each unbounded repeat of a parsed pattern what leads up to it and one round of it."""
    for kind, value in tree:
        if str(kind).endswith("REPEAT"):
            low, high, inner = value
            if high is MAXIMUM or high > UNBOUNDED:
                yield before, example(inner) or "a"
            yield from repeats(inner, before)
            before += example(inner) * max(low, 0)
        elif str(kind) == "SUBPATTERN":
            yield from repeats(value[-1], before)
            before += example(value[-1])
        elif str(kind) == "BRANCH":
            for branch in value[1]:
                yield from repeats(branch, before)
            before += example(value[1][0])
        else:
            before += example([(kind, value)])


def example(tree: Any) -> str:
    """Return a text that a piece of a parsed pattern may match."""
    text = ""
    for kind, value in tree:
        name = str(kind)
        if name == "LITERAL":
            text += chr(value)
        elif name == "IN":
            text += next((c for c in _SAMPLES if re.fullmatch(_class(value), c)), "a")
        elif name in ("ANY", "NOT_LITERAL"):
            text += "a"
        elif name == "SUBPATTERN":
            text += example(value[-1])
        elif name == "BRANCH":
            text += example(value[1][0])
        elif name.endswith("REPEAT"):
            text += example(value[2]) * max(value[0], 0)
    return text


def _class(items: Any) -> str:
    names = {"CATEGORY_SPACE": r"\s", "CATEGORY_DIGIT": r"\d", "CATEGORY_WORD": r"\w", "CATEGORY_NOT_SPACE": r"\S"}
    names |= {"CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_NOT_WORD": r"\W"}
    kinds = {
        "LITERAL": lambda v: re.escape(chr(v)),
        "RANGE": lambda v: f"{re.escape(chr(v[0]))}-{re.escape(chr(v[1]))}",
        "CATEGORY": lambda v: names[str(v)],
        "NEGATE": lambda v: "^",
    }
    return f"[{''.join(kinds[str(kind)](value) for kind, value in items)}]"


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    _PARSER = getattr(re, "_parser", None) or importlib.import_module("sre_parse")
MAXIMUM = _PARSER.MAXREPEAT
PATTERNS = patterns()


def pumped(pattern: re.Pattern[str]) -> Iterator[str]:
    """Yield texts of 100 kB that repeat what the pattern repeats, and then stop matching it."""
    for before, once in repeats(_PARSER.parse(pattern.pattern, pattern.flags)):
        yield before + once * (SIZE // len(once)) + "\x00"
        yield (before + once) * (SIZE // len(before + once)) + "\x00"
    yield " " * SIZE + "\x00"
    yield "\n" * SIZE + "\x00"


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_takes_linear_time(name: str) -> None:
    for text in pumped(PATTERNS[name]):
        start = time.process_time()
        PATTERNS[name].search(text)
        PATTERNS[name].fullmatch(text)
        assert time.process_time() - start < SECONDS, text[:40]


def test_every_pattern_is_written_in_the_source() -> None:
    """Say that a pattern is a constant, or put together of constants where a module is loaded: never from a file."""
    assert len(PATTERNS) > 20
    loose = [f"{module}:{call.lineno}" for module, call in calls() if not _is_fixed(call)]
    assert loose == []


def _is_fixed(call: ast.Call) -> bool:
    """Return whether a call's pattern is a constant, or the call makes a pattern that its module holds."""
    first = call.args[0]
    if isinstance(first, (ast.Constant, ast.JoinedStr)):
        return True
    return isinstance(call.func, ast.Attribute) and call.func.attr == "compile"
