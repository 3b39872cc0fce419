"""Every protocol has a recipe, and nothing else has."""

from __future__ import annotations

import numpy as np
import pytest

from truthmap.errors import UsageError
from truthmap.probes.fit_grid import RIGHT, fit_grids
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.protocols import ProbeProtocol, info_of
from truthmap.probes.recipes import recipe_named
from truthmap.records import Site

from .conftest import planted


@pytest.mark.parametrize("name", list(ProbeProtocol))
def test_a_recipe_fits_and_refits_a_grid(name: ProbeProtocol) -> None:
    source, labels = planted()
    recipe, settings = recipe_named(name), GridSettings(protocol=name, n_permutations=0)
    fit = fit_grids(source, labels, {RIGHT: labels.y}, Site.RESIDUAL, settings)[RIGHT]
    assert fit.grid.auc[1, 4] > 0.8
    seen = labels.of(test=False)
    learns_from = recipe.learns_from(seen, settings)
    states = source.read_layer(Site.RESIDUAL, 1, seen.ids).states[4]
    with recipe.fitting():
        probe = recipe.refit(states[learns_from], seen.y[learns_from], float(fit.grid.c[1, 4]))
    assert np.corrcoef(probe.score(states.double().numpy()), seen.y)[0, 1] > 0.5
    assert info_of(name).scoring


def test_only_truthmaps_own_probes_need_no_word_above_a_map() -> None:
    assert [name for name in ProbeProtocol if not info_of(name).title] == [ProbeProtocol.TRUTHMAP]


@pytest.mark.parametrize("name", ["study", "", "os.path"])
def test_another_name_is_refused_by_name(name: str) -> None:
    known = ", ".join(ProbeProtocol)
    with pytest.raises(UsageError, match=f"protocol must be one of {known}, got '{name}'"):
        recipe_named(name)
    with pytest.raises(UsageError, match="protocol must be one of"):
        GridSettings(protocol=name)
