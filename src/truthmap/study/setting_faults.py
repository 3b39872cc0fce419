"""What is wrong with settings, in lines that name each by its option."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from truthmap.answers.engines.registry import ENGINES
from truthmap.settings_base import Leaf


def faults_of(error: ValidationError, leaves: Iterable[Leaf]) -> Iterator[str]:
    """Yield a line for each fault; our own checks say themselves what came, as far as it may be shown.

    Args:
        error: What pydantic found.
        leaves: Every setting that there is.
    """
    known, faults = tuple(leaves), error.errors()
    within = {each["loc"][:-1] for each in faults if each["loc"]}
    for each in faults:
        if each["type"] == "too_short" and each["loc"] in within:
            continue  # pydantic counts what is left without the items that it has refused
        what = each["msg"].removeprefix("Value error, ")
        if each["type"] != "value_error":
            what += f" (got {each['input']!r})"
        option = option_at(each["loc"], known)
        yield f"{option}: {what}" if option else what


def option_at(loc: tuple[Any, ...], leaves: Iterable[Leaf]) -> str:
    """Return the option of the setting at a place in pydantic's form, in which a union names the kind too."""
    names = [name for name in loc if isinstance(name, str) and name not in ENGINES]
    for leaf in leaves:
        if [*leaf.path] == names[: len(leaf.path)] and leaf.path != ("answers", "engine"):
            return leaf.option
    return ".".join(names)


def meant_by(name: str, known: Iterable[str]) -> str:
    """Return a question about the known name that is next to an unknown one; nothing where none is near."""
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
