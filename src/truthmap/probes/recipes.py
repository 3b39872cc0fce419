"""The recipes by their names."""

from __future__ import annotations

from importlib import import_module

from truthmap.probes.protocols import protocol_named
from truthmap.probes.recipe import ProbeRecipe


def recipe_named(name: str) -> ProbeRecipe:
    """Return the recipe of a protocol.

    Raises:
        UsageError: there is no protocol of this name.
    """
    recipe: ProbeRecipe = import_module(f"truthmap.probes.{protocol_named(name)}_protocol").RECIPE
    return recipe
