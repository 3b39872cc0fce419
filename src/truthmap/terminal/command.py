"""How every command shows its options: what a value may be is said where there is room for it, a flag takes none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

_LONGEST = 16
"""Characters of values that stand beside an option; more would be broken in the middle of a word."""


class _Misuse:
    """What the command line of this process was misused in, to be told as JSON: typer itself tells it to a reader."""

    def __init__(self) -> None:
        self.message = ""

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what typer finds wrong with the words of the command line."""
        try:
            yield
        except Exception as error:
            told = getattr(error, "format_message", None)  # typer's errors of usage have it, whoever it takes them from
            self.message = "" if told is None else str(told())
            raise


_misuse = _Misuse()


def misused() -> str:
    """Return what is wrong with the words of the command line; empty where nothing is."""
    return _misuse.message


class Commands(TyperGroup):
    """The commands; where one is asked for that does not exist, or an option that they have not, that is noted."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words before the command's name."""
        with _misuse.noted():
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is named."""
        with _misuse.noted():
            return super().resolve_command(ctx, args)


class Subcommands(Commands):
    """Commands that belong together; the first of them is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name before what are its options; a shell that completes is shown all of them."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        first = next(iter(self.commands))
        is_named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        is_word = bool(args) and not args[0].startswith("-")
        return super().parse_args(ctx, args if is_named or is_word else [first, *args])


def commands_of(group: Any, before: str = "") -> dict[str, Any]:
    """Return all commands by the words that name them, `runs list` among them, in the order of the help."""
    found = {}
    for name, command in group.commands.items():
        words = f"{before} {name}".lstrip()
        found.update(commands_of(command, words) if hasattr(command, "commands") else {words: command})
    return found


class Command(TyperCommand):
    """A command whose help fits 80 columns."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words after the command's name."""
        with _misuse.noted():
            return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's parameters, with what stands for their values."""
        params = super().get_params(ctx)
        for param in params:
            describe(param, ctx)
        return params


def describe(param: Any, ctx: Any) -> None:
    """Say what a parameter takes: nothing where it is a flag, one of its values where they are long, else its type."""
    if not isinstance(param, (TyperOption, TyperArgument)):
        return
    if getattr(param, "is_flag", False):
        param.metavar = ""
        return
    shown = param.metavar
    if shown is None and isinstance(param, TyperOption):
        shown = _type_shown(param, ctx)
    values = (shown or "").split("|")
    if len(values) > 1 and len(shown or "") > _LONGEST:
        param.metavar = "NAME"
        param.help = f"{param.help or ''}; one of {', '.join(values)}".removeprefix("; ")


def _type_shown(param: Any, ctx: Any) -> str:
    """Return what typer itself would show for the values of an option: before 0.29 another method says it."""
    told = getattr(param, "display_type_rich", None) or getattr(param, "make_metavar", None)
    return "" if told is None else (told(ctx) or "").strip("<>[]")
