"""Telling trackers of a finished run: one that fails never loses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from truthmap.errors import TruthmapError
from truthmap.pipeline.trackers.base import as_tracked
from truthmap.pipeline.trackers.registry import TrackerKind
from truthmap.runs.run import Run


@dataclass(frozen=True)
class Tracked:
    """What came of telling trackers of a run: where it can be seen, and what went wrong, a line each."""

    seen: tuple[str, ...]
    faults: tuple[str, ...]


def track_run(run: Run, trackers: Sequence[TrackerKind], say: Callable[[str], None]) -> Tracked:
    """Tell trackers of a finished run; whatever one of them raises is told, and the next one comes.

    Args:
        run: The run.
        trackers: The trackers.
        say: Told what is under way.
    """
    if not trackers:
        return Tracked((), ())
    seen: list[str] = []
    faults: list[str] = []
    try:
        with as_tracked(run) as told:
            for tracker in trackers:
                say(f"telling {tracker.name} of the run")
                try:
                    seen.append(f"{tracker.name}: {tracker.load()(told)}")
                except Exception as error:  # noqa: BLE001 - whatever a tracker raises, the run is finished
                    faults.append(f"{tracker.name}: {_reason(error)}")
    except (TruthmapError, OSError) as error:
        faults.append(f"{', '.join(each.name for each in trackers)}: {_reason(error)}")
    return Tracked(tuple(seen), tuple(faults))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
