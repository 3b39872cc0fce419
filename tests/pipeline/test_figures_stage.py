"""What stands above a map."""

from __future__ import annotations

from truthmap.pipeline.stages.figures import map_title
from truthmap.records import Site


def test_a_map_says_what_is_unusual_about_it() -> None:
    assert map_title("truthmap", Site.RESIDUAL) is None
    assert map_title("truthmap", Site.MLP) == "site: mlp"
    paper = map_title("paper", Site.ATTENTION)
    assert paper is not None
    assert paper.startswith("the paper's protocol")
    assert paper.endswith("\nsite: attention")
