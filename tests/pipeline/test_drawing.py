"""What stands above a map."""

from __future__ import annotations

from truthmap.pipeline.stages.figures import map_title
from truthmap.records import Site


def test_a_map_says_what_is_unusual_about_it() -> None:
    assert map_title("truthmap", Site.RESIDUAL) is None
    assert map_title("truthmap", Site.MLP) == "site: mlp"
    study = map_title("study", Site.ATTENTION)
    assert study is not None
    assert study.startswith("the original study's protocol")
    assert study.endswith("\nsite: attention")
