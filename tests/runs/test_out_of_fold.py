"""Out-of-fold scores on disk say what they hold, and files from before they said it are read right or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from truthmap.errors import DamagedFileError
from truthmap.positions import LEGACY_POSITIONS, PAPER, Position
from truthmap.probes.grid import Cell, GridScores
from truthmap.records import Site
from truthmap.runs.out_of_fold import read_out_of_fold, write_out_of_fold

LAYERS, IDS = 2, ("a", "b", "c")


def scores(n_positions: int) -> np.ndarray:
    shape = (LAYERS, n_positions, len(IDS))
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("positions", [PAPER, PAPER[5:2:-1]])
def test_what_is_read_is_what_was_written(tmp_path: Path, positions: tuple[Position, ...]) -> None:
    made = GridScores(Site.MLP, positions, IDS, scores(len(positions)))
    for name in "ab":
        write_out_of_fold(tmp_path / name, [made])
    read = read_out_of_fold(tmp_path / "a", [Site.MLP])[Site.MLP]
    assert (read.site, read.positions, read.ids) == (Site.MLP, positions, IDS)
    np.testing.assert_array_equal(read.of(Cell(Site.MLP, 1, positions[2])), made.scores[1, 2])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_older_file_holds_the_fifteen_and_the_sites_former_name(tmp_path: Path) -> None:
    save_file({"mlp_in": scores(15)}, tmp_path / "old", metadata={"ids": json.dumps(IDS)})
    read = read_out_of_fold(tmp_path / "old", [Site.MLP_POST])[Site.MLP_POST]
    assert read.positions == LEGACY_POSITIONS
    np.testing.assert_array_equal(read.of(Cell(Site.MLP_POST, 1, Position.of("-1"))), scores(15)[1, 14])


def test_an_older_file_of_another_width_is_refused(tmp_path: Path) -> None:
    save_file({"mlp": scores(4)}, tmp_path / "old", metadata={"ids": json.dumps(IDS)})
    with pytest.raises(DamagedFileError, match=r"shape \(2, 4, 3\) for 15 positions and 3 answers; run the study"):
        read_out_of_fold(tmp_path / "old", [Site.MLP])


def test_a_position_that_is_not_known_is_refused_by_name(tmp_path: Path) -> None:
    said = json.dumps({"ids": IDS, "positions": ["elsewhere"]})
    save_file({"mlp": scores(1)}, tmp_path / "new", metadata={"truthmap": said})
    with pytest.raises(DamagedFileError, match=r"cannot be read for mlp .*there is no position 'elsewhere'"):
        read_out_of_fold(tmp_path / "new", [Site.MLP])


def test_a_site_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write_out_of_fold(tmp_path / "scores", [GridScores(Site.MLP, PAPER, IDS, scores(15))])
    with pytest.raises(DamagedFileError, match="cannot be read for residual"):
        read_out_of_fold(tmp_path / "scores", [Site.RESIDUAL])
