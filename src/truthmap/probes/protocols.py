"""The probe recipes by their names, which `--protocol` takes, and what is to be said of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from truthmap.errors import UsageError


class ProbeProtocol(StrEnum):
    """How the probes of a run are made. A recipe NAME is a line here, one below, and `probes/NAME_protocol.py`."""

    TRUTHMAP = "truthmap"
    PAPER = "paper"


@dataclass(frozen=True)
class RecipeInfo:
    """What is to be said of a recipe, and what goes with it.

    Attributes:
        scoring: How the answers of train + validation were scored: "cross-validated".
        title: What must be said above a map; empty where nothing must.
        description: How the probes differ from truthmap's own, for a table; empty where they do not.
        has_null: Labels can be shuffled: there are p-values.
        has_stack: Several cells can be stacked.
        has_learning_curve: Fewer answers can be learned from.
        locates_gold: The exact answer of a right answer is where the gold string stands, that of a wrong one where a
            model finds it: it leaks the outcome, and is for comparison only.
    """

    scoring: str
    title: str = ""
    description: str = ""
    has_null: bool = True
    has_stack: bool = True
    has_learning_curve: bool = True
    locates_gold: bool = False


_INFO: Mapping[ProbeProtocol, RecipeInfo] = MappingProxyType(
    {
        ProbeProtocol.TRUTHMAP: RecipeInfo(scoring="cross-validated"),
        ProbeProtocol.PAPER: RecipeInfo(
            scoring="a fifth held out",
            title="the paper's protocol: raw states, C = 1, one 80/20 split, gold exact answers",
            description="the paper's: raw states, C = 1, 100 iterations, gold exact answers; "
            "not comparable with truthmap's own numbers",
            has_null=False,
            has_stack=False,
            has_learning_curve=False,
            locates_gold=True,
        ),
    }
)


def info_of(name: str) -> RecipeInfo:
    """Return what is to be said of a protocol's recipe, without loading the recipe.

    Raises:
        UsageError: there is no protocol of this name.
    """
    return _INFO[protocol_named(name)]


def protocol_named(name: str) -> ProbeProtocol:
    """Return the protocol of this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return ProbeProtocol(name)
    except ValueError as error:
        raise UsageError(f"protocol must be one of {', '.join(ProbeProtocol)}, got {name!r}") from error
