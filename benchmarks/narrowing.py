"""The map from states stored in fewer bits."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from truthmap.errors import UsageError
from truthmap.probes.fit_grid import fit_grid
from truthmap.probes.grid import Grid
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import label_answers
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run
from truthmap.store.shards import StateShard
from truthmap.store.states import StateStore
from truthmap.store.store_dtype import StoreDtype

RUN = Path("runs/demo")
_SITE = Site.RESIDUAL
_EASY = 0.75
"""Cells above this AUC are told apart: below, the weakest directions of the states decide, and those go first."""


def run() -> str:
    """Store the demo's states again, fit the map again, and give the differences as Markdown."""
    if not (RUN / "summary.json").is_file():
        raise UsageError(f"this benchmark needs {RUN}; make it with `make demo`")
    data = RunData.load(open_run(RUN))
    store = StateStore(data.states.folder)
    labels = label_answers(data.questions, data.grades, data.splits)
    settings = GridSettings(n_permutations=0)
    whole, before = fit_grid(store, labels, _SITE, settings), _bytes(store)
    rows = []
    for stored in (StoreDtype.BFLOAT16, StoreDtype.FLOAT8):
        with tempfile.TemporaryDirectory() as folder:
            again = _stored_as(store, Path(folder), stored)
            rows.append(_row(stored, fit_grid(again, labels, _SITE, settings), whole, _bytes(again) / before))
    cells = int(np.isfinite(whole.auc).sum())
    said = (
        f"The demo's states ({len(store.ids):,} answers, {before / 1e6:,.0f} MB of float32) stored again, and the "
        f"{cells} probes of the map fitted again. The change of a cell's AUC:"
    )
    columns = (
        f"| `--store-dtype` | disk | mean change, absolute | mean change | largest | cells above {_EASY}: mean, "
        "largest | best cell | the same C |"
    )
    return "\n".join([said, "", columns, "|---|--:|--:|--:|--:|--:|--:|--:|", *rows])


def _stored_as(store: StateStore, folder: Path, stored: StoreDtype) -> StateStore:
    """Write every shard again with its states narrowed."""
    again = StateStore(folder)
    n_layers, _ = store.layout()[_SITE]
    for number, entry in sorted(store.entries.items()):
        layers = [store.read_layer(_SITE, layer, entry.ids) for layer in range(n_layers)]
        states = layers[0].states.new_empty((n_layers, *layers[0].states.shape))
        for n, layer in enumerate(layers):
            states[n] = layer.states
        again.write(number, "again", StateShard(entry.ids, store.positions, layers[0].present, {_SITE: states}), stored)
    return again


def _bytes(store: StateStore) -> int:
    return sum(entry.size for entry in store.entries.values())


def _row(stored: StoreDtype, grid: Grid, whole: Grid, disk: float) -> str:
    change = grid.auc - whole.auc
    easy = np.abs(change[whole.auc > _EASY])
    same = np.isfinite(whole.auc) & (grid.c == whole.c)
    return (
        f"| {stored} | {disk:.0%} | {np.nanmean(np.abs(change)):.4f} | {np.nanmean(change):+.4f} | "
        f"{np.nanmax(np.abs(change)):.4f} | {easy.mean():.4f}, {easy.max():.4f} | "
        f"{np.nanmax(whole.auc):.4f} → {np.nanmax(grid.auc):.4f} | {same.sum()} of {np.isfinite(whole.auc).sum()} |"
    )
