"""How every command shows its options: what a value may be is said where there is room for it, a flag takes none."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperOption

_LONGEST = 16
"""Characters of values that stand beside an option; more would be broken in the middle of a word."""


class Command(TyperCommand):
    """A command whose help fits 80 columns."""

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
        shown = (param.display_type_rich(ctx) or "").strip("<>")
    values = (shown or "").split("|")
    if len(values) > 1 and len(shown or "") > _LONGEST:
        param.metavar = "NAME"
        param.help = f"{param.help or ''}; one of {', '.join(values)}".removeprefix("; ")
