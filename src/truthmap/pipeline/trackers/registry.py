"""The trackers, a line each; naming them loads none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import cast

from truthmap.errors import UsageError


@dataclass(frozen=True)
class TrackerKind:
    """A tracker.

    Attributes:
        name: What it is called on the command line, and the extra that has its package.
        package: What is imported.
        track: Where in this folder the function is that tells it of a run, `module:function`: naming it loads nothing.
    """

    name: str
    package: str
    track: str

    @property
    def is_installed(self) -> bool:
        """Whether its package is there."""
        return find_spec(self.package) is not None

    def load(self) -> Callable[..., str]:
        """Load the function that tells it of a `TrackedRun` and returns where that can be seen."""
        return cast("Callable[..., str]", resolve_name(f"truthmap.pipeline.trackers.{self.track}"))


TRACKERS = {
    each.name: each
    for each in (
        TrackerKind("mlflow", "mlflow", "mlflow_tracker:track_mlflow"),
        TrackerKind("tensorboard", "tensorboard", "tensorboard_tracker:track_tensorboard"),
        TrackerKind("wandb", "wandb", "wandb_tracker:track_wandb"),
    )
}
"""By the names that they have on the command line."""


def trackers_named(names: Iterable[str], known: dict[str, TrackerKind] | None = None) -> tuple[TrackerKind, ...]:
    """Return the trackers of these names, each once; asked before a run, so that none fails for this after hours.

    Args:
        names: The names.
        known: Those there are; by default `TRACKERS`.

    Raises:
        UsageError: there is no such tracker, or its package is not installed.
    """
    known = TRACKERS if known is None else known
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no tracker {name!r}; expected one of {', '.join(known)}")
        if not known[name].is_installed:
            raise UsageError(f"--track {name} needs its package: pip install 'truthmap[{name}]'")
    return tuple(known[name] for name in wanted)
