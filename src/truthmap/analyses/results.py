"""Writing what an analysis found into a folder: `NAME.json` with its tables and its figure beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import pandas as pd
from matplotlib.figure import Figure
from pydantic import BaseModel

from truthmap.analyses.saved import run_around
from truthmap.figures.canvas import save_figure
from truthmap.files import AnyPath, atomic_write, syncing, write_json
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.ledger import analysis_entry, map_key
from truthmap.runs.stored_run import StoredRun


def write_analysis(
    folder: AnyPath,
    name: str,
    result: BaseModel,
    tables: pd.DataFrame | Mapping[str, pd.DataFrame],
    figure: Figure,
    runs: Sequence[StoredRun] = (),
) -> None:
    """Write a result, its tables and its figure (PNG and SVG) into `folder`; in a run's, its ledger vouches for them.

    Args:
        folder: The folder, a run's `analyses` for one.
        name: The result's name.
        result: The result.
        tables: Its table, or several by their names, `NAME` and `NAME_more`.
        figure: Its figure.
        runs: The runs that it was made from: none of them may have changed since it was opened.

    Raises:
        RunFolderError: another machine is working in the run's folder, or a run has changed since it was opened.
        StorageError: a file cannot be written.
    """
    started, owner = time.perf_counter(), run_around(folder)
    # What was found in an hour is not lost because another command holds the folder for a while.
    with nullcontext() if owner is None else owner.held(patient=True):
        for run in runs:
            run.snapshot.require_unchanged()
        target = folder if owner is None else owner / ANALYSES
        for stem, table in ({name: tables} if isinstance(tables, pd.DataFrame) else tables).items():
            write_table(target / f"{stem}.parquet", table)
        for kind in ("png", "svg"):
            save_figure(figure, target / f"{name}.{kind}")
        # Last: where the result is, all of it is.
        write_json(target / f"{name}.json", result.model_dump(mode="json"))
        if owner is not None:
            stems = [name] if isinstance(tables, pd.DataFrame) else list(tables)
            files = [*(f"{stem}.parquet" for stem in stems), f"{name}.png", f"{name}.svg", f"{name}.json"]
            seconds, key = time.perf_counter() - started, map_key(owner.entries())
            owner.finish(analysis_entry(name), key, [f"{ANALYSES}/{file}" for file in files], seconds, {})


def write_table(path: AnyPath, table: pd.DataFrame) -> None:
    """Write a table, whole or not at all."""
    with syncing(path), atomic_write(path) as temp_path:
        table.to_parquet(temp_path, index=False)


def estimates_table(results: Sequence[BaseModel], estimates: Sequence[str]) -> pd.DataFrame:
    """Return results as a table, a row each; an `Estimate` in the field NAME becomes NAME, NAME_low and NAME_high."""
    rows = []
    for result in results:
        row = result.model_dump(mode="json", exclude=set(estimates))
        for name in estimates:
            estimate = getattr(result, name)
            for field, end in (("value", ""), ("low", "_low"), ("high", "_high")):
                row[f"{name}{end}"] = None if estimate is None else getattr(estimate, field)
        rows.append(row)
    frame: pd.DataFrame = pd.DataFrame(rows)
    return frame
