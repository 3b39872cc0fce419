"""What the controls of a run have found so far: a file that vouches for itself, for the next call, which adds to it.

The result of an analysis is written file by file, and its ledger vouches for all of them together or for none. That is
enough for what a command makes anew each time; controls add up over calls, and whoever is killed while the table is
written would lose what earlier calls have measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd
from pydantic import ValidationError

from truthmap.analyses.controls.measure import ControlFinding
from truthmap.errors import DamagedFileError
from truthmap.runs.file_names import CONTROLS_KEPT
from truthmap.runs.ledger import map_key
from truthmap.runs.stored_run import StoredRun
from truthmap.runs.tables import read_sealed, write_sealed


def keep_findings(run: StoredRun, findings: Iterable[ControlFinding]) -> None:
    """Write what is measured of a run as it is now.

    Raises:
        StorageError: the file cannot be written.
    """
    key = map_key(run.snapshot.stages)
    rows = [{"made_from": key, "finding": finding.model_dump_json()} for finding in findings]
    write_sealed(run.folder / CONTROLS_KEPT, pd.DataFrame(rows))


def kept_findings(run: StoredRun, say: Callable[[str], None]) -> dict[str, ControlFinding]:
    """Return what earlier calls measured on the run as it is now, by the controls' names.

    Args:
        run: The run.
        say: Told where that cannot be read any more, and is left out.
    """
    path, key = run.folder / CONTROLS_KEPT, map_key(run.snapshot.stages)
    if not path.exists():
        return {}
    try:
        table = read_sealed(path)
        rows = zip(table["made_from"], table["finding"], strict=True)
        found = [ControlFinding.model_validate_json(text) for made_from, text in rows if made_from == key]
    except (DamagedFileError, KeyError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        say(f"what earlier calls of `truthmap controls` measured is left out, measure it again: {reason}")
        return {}
    return {finding.name: finding for finding in found}
