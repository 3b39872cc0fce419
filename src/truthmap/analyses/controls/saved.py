"""The controls that a run has, read back for its summary."""

from __future__ import annotations

from truthmap.analyses.controls.measure import Controls
from truthmap.analyses.saved import read_if_made
from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.runs.stored_run import StoredRun

NAME = "controls"


def read_controls(run: StoredRun) -> Controls | None:
    """Read back what `truthmap controls` wrote into a run; `None` where nothing was.

    Raises:
        RunFolderError: it was made from an earlier state of the run.
        DamagedFileError: the file does not hold such a result.
    """
    return read_if_made(run, NAME, Controls)


def worst_control(run: StoredRun) -> str | None:
    """Return the worst that the run's controls found in one line, or why that cannot be said; `None` without any."""
    try:
        found = read_controls(run)
    except (RunFolderError, DamagedFileError) as error:
        return f"not known: {error}"
    if found is None:
        return None
    worst = found.worst
    return "no control can say what is left" if worst is None else f"{worst.name}: {worst.says}"
