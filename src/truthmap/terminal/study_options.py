"""Options made from settings: one for each, in the groups that the settings have."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from enum import Enum
from functools import wraps
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typer
from pydantic import BaseModel

from truthmap.answers.engines.registry import ENGINES
from truthmap.settings_base import Leaf, Option, Resource, marker
from truthmap.study.sections import ResourcesSection
from truthmap.terminal import completion

Result = TypeVar("Result")

REOPENING = ("device", "batch_tokens", "trust_remote_code")
"""Settings that every command takes that goes on from a run with its model."""
CLUSTER = ("cluster", "workers", "gpus_per_worker", "cpus_per_worker")
"""Settings of the commands that can do their work on a cluster."""

_PLAIN = (int, float, bool)
"""Types that the command line reads by itself; everything else goes on as text, and the settings say what is wrong."""


def study_options(leaves: Sequence[Leaf]) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Return a decorator that gives a command an option for each setting.

    The command takes a keyword `given`, a dict: the settings that were given, by their flat names.

    Args:
        leaves: The settings.
    """
    leaves = [leaf for leaf in leaves if not (named := marker(leaf.field, Option)) or not named.in_python]

    def decorate(command: Callable[..., Result]) -> Callable[..., Result]:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "given"]
        names = {leaf.flag: leaf.name for leaf in leaves}

        @wraps(command)
        def with_options(**values: Any) -> Result:
            given = {names[flag]: values.pop(flag) for flag in names}
            return command(**values, given={name: value for name, value in given.items() if value not in (None, [])})

        # Groups stand in the order of their first options: what says where to compute comes last.
        made = [_parameter(leaf) for leaf in sorted(leaves, key=lambda leaf: _panel_of(leaf) == ResourcesSection.title)]
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [*(p.replace(kind=keyword) for p in own), *made]
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {p.name: p.annotation for p in parameters}
        return with_options

    return decorate


def _parameter(leaf: Leaf) -> inspect.Parameter:
    """Return the parameter that makes a setting's option; what is not given is `None`."""
    kind, many = (str, False) if _takes(leaf) else _kind_of(leaf.field.annotation)
    values = _values_of(leaf.field.annotation)
    option = typer.Option(
        leaf.option,  # a flag has no `--no-…` beside it, which would leave no room for either at 80 columns
        help=_help_of(leaf),
        metavar=None if kind is bool else _takes(leaf) or "|".join(values) or None,
        show_default=False,
        rich_help_panel=_panel_of(leaf),
        autocompletion=completion.of_names(values) if values else completion.SETTINGS.get(leaf.name),
    )
    taken: Any = list[kind] if many else kind  # type: ignore[valid-type]
    annotation = Annotated[taken | None, option]
    return inspect.Parameter(leaf.flag, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _takes(leaf: Leaf) -> str | None:
    """Return what stands for the value of a setting that is read from a file."""
    option = marker(leaf.field, Option)
    return None if option is None else option.takes


def _help_of(leaf: Leaf) -> str:
    default = leaf.field.get_default(call_default_factory=True)
    shown = _shown(default)
    return str(leaf.field.description) + (f" (default: {shown})" if shown else "")


def _shown(default: Any) -> str:
    """Write a default for a reader; an empty text where there is none, or where the description says it."""
    if isinstance(default, BaseModel):
        return str(getattr(default, "kind", ""))
    if isinstance(default, tuple):
        return ", ".join(map(str, default))
    is_said = default is None or isinstance(default, bool) or repr(default).endswith(("PydanticUndefined", "Path('.')"))
    return "" if is_said else str(default)


def _panel_of(leaf: Leaf) -> str:
    return ResourcesSection.title if marker(leaf.field, Resource) else leaf.title


def _kind_of(annotation: Any) -> tuple[type, bool]:
    """Return what the command line reads for a type, and whether it may be given several times."""
    inner = _without_none(annotation)
    if get_origin(inner) is tuple:
        return str, True
    return (inner if inner in _PLAIN else str), False


def _values_of(annotation: Any) -> tuple[str, ...]:
    """Return the values that a closed vocabulary has."""
    inner = _without_none(annotation)
    if get_origin(inner) is tuple:
        inner = get_args(inner)[0]
    if get_origin(inner) is Literal:
        return tuple(map(str, get_args(inner)))
    if isinstance(inner, type) and issubclass(inner, Enum):
        return tuple(str(each.value) for each in inner)
    if get_origin(inner) in (Union, types.UnionType) and set(get_args(inner)) <= set(ENGINES.values()):
        return tuple(ENGINES)
    return ()


def _without_none(annotation: Any) -> Any:
    """Return a type without its `None` and its constraints."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        some = [each for each in get_args(annotation) if each is not type(None)]
        return _without_none(some[0]) if len(some) == 1 else Union[tuple(some)]  # noqa: UP007
    return annotation
