"""The grid as jobs: a layer each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truthmap.execution.active_run import ActiveRun
from truthmap.execution.executor import Job, Tally
from truthmap.positions import Position
from truthmap.probes.fit_grid import RIGHT, GridFit, fit_grids, with_p_values
from truthmap.probes.grid import ARRAYS, Grid, GridScores
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import RowKey, Site
from truthmap.store.shards import LayerStates
from truthmap.store.states import StateStore
from truthmap.terminal.progress import Advance


@dataclass(frozen=True)
class LayerJob:
    """A layer of a site to fit, and what its probes are to predict."""

    site: Site
    layer: int
    labels: LabelledAnswers
    settings: GridSettings


@dataclass(frozen=True)
class OneLayer:
    """A store of which one layer is seen: the only one there is."""

    store: StateStore
    layer: int

    @property
    def positions(self) -> tuple[Position, ...]:
        """What axis P of the layer holds."""
        return self.store.positions

    def layout(self) -> dict[Site, tuple[int, int]]:
        """Return (1, d) of each site."""
        return {site: (1, width) for site, (_, width) in self.store.layout().items()}

    def read_layer(self, site: Site, layer: int, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read the one layer, which is number 0 here."""
        return self.store.read_layer(site, self.layer + layer, ids)

    def read_cell(self, site: Site, layer: int, position: Position, ids: Sequence[RowKey] | None = None) -> LayerStates:
        """Read a cell of the one layer."""
        return self.store.read_cell(site, self.layer + layer, position, ids)


def fit_layers(run: ActiveRun, labels: LabelledAnswers, settings: GridSettings, site: Site) -> GridFit:
    """Fit the grid of a site, layer by layer, by whoever does the run."""
    n_layers, _ = run.store.layout()[site]
    jobs = [Job(layer, (), LayerJob(site, layer, labels, settings), 1) for layer in range(n_layers)]
    with run.progress.stage(f"Fitting probes: {site}", n_layers) as advance:
        fits = {done.number: done.result for done in run.executor.map(fit_layer, jobs, Tally(advance))}
    return join_layers([fits[layer] for layer in range(n_layers)])


def fit_layer(run: ActiveRun, job: LayerJob, advance: Advance) -> GridFit:  # noqa: ARG001 (every job is called so)
    """Fit one layer."""
    # A worker that captured before has seen an index without the others' shards: read it anew.
    source = OneLayer(StateStore(run.states_at), job.layer)
    return fit_grids(source, job.labels, {RIGHT: job.labels.y}, job.site, job.settings)[RIGHT]


def join_layers(fits: Sequence[GridFit]) -> GridFit:
    """Put the fits of a site's layers, in their order, together; p-values are those of the largest AUC in all of them.

    They are as if the whole had been fitted at once: no layer's probes depend on another's.
    """
    arrays = {name: np.concatenate([getattr(fit.grid, name) for fit in fits]) for name in ARRAYS}
    first = fits[0].out_of_fold
    scores = np.concatenate([fit.out_of_fold.scores for fit in fits])
    null = np.max(np.stack([fit.null for fit in fits]), axis=0)
    return GridFit(
        with_p_values(Grid(first.site, first.positions, **arrays), null),
        GridScores(first.site, first.positions, first.ids, scores),
        null,
    )
