"""The first look at a map while questions are asked: where it sees, what it leaves out, and that it leaves nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from truthmap.execution.preview import MapPreview, auc_of_cells, sketch
from truthmap.positions import Position
from truthmap.records import Grade, Outcome, RowKey, Site
from truthmap.runs.folder import run_folder
from truthmap.store.shards import StateShard

POSITIONS = tuple(map(Position.of, ("last_q", "exact_answer_last", "-1")))
N_LAYERS, WIDTH, BATCH = 4, 8, 20


def batches(n: int) -> list[tuple[dict[RowKey, Grade], StateShard]]:
    """Draw answers whose outcome is readable at layer 2, exact_answer_last, and nowhere else."""
    draw = np.random.default_rng(7)
    made = []
    for start in range(0, n, BATCH):
        ids = [RowKey(f"q{number}") for number in range(start, start + BATCH)]
        right = draw.random(BATCH) < 0.5
        states = draw.normal(size=(N_LAYERS, len(POSITIONS), BATCH, WIDTH)).astype(np.float32)
        states[2, 1, :, 0] += 4 * right
        present = np.ones((len(POSITIONS), BATCH), dtype=bool)
        present[2, ::3] = False
        grades = {
            i: Grade(i, Outcome.RIGHT if y else Outcome.WRONG, "rule", None, "", "", "")
            for i, y in zip(ids, right, strict=True)
        }
        made.append((grades, StateShard(tuple(ids), POSITIONS, present, {Site.RESIDUAL: torch.from_numpy(states)})))
    return made


def shown(folder: Path, n: int, *, learned: int = 10**6, worth: float = 0.0, share: float = 1e9) -> list[str]:
    """Return what is said of `n` answers, of which the first `learned` are outside the test part."""
    said: list[str] = []
    groups = {f"q{number}": str(number) for number in range(min(n, learned))}
    preview = MapPreview(run_folder(folder), lambda: groups, n, said.append, first=100, worth=worth, share=share)
    for grades, piece in batches(n):
        preview.add(BATCH, grades, piece)
    return said


def test_a_preview_sees_where_the_outcome_stands(tmp_path: Path) -> None:
    looks = [line for line in shown(tmp_path, 500) if "a first look" in line]
    assert [line.split()[4] for line in looks] == ["100", "200", "400"]
    assert all("at layer 2, exact_answer_last" in line for line in looks)
    reach = [float(line.split("give or take ")[1].split(";")[0]) for line in looks]
    assert reach == sorted(reach, reverse=True)
    assert (tmp_path / "heatmap-preview.png").exists()


def test_test_answers_are_not_looked_at(tmp_path: Path) -> None:
    assert shown(tmp_path, 300, learned=0) == []


def test_nobody_waits_for_a_preview_of_a_map_about_to_be_there(tmp_path: Path) -> None:
    assert shown(tmp_path, 300, worth=3600.0) == []


def test_a_preview_that_takes_too_long_leaves_answers_out(tmp_path: Path) -> None:
    assert shown(tmp_path, 300, share=-1.0) == []


def test_what_cannot_be_told_apart_is_at_chance() -> None:
    draw = np.random.default_rng(3)
    auc, reach = auc_of_cells(draw.normal(size=(2, 2, 400)), draw.random(400) < 0.5, [str(n) for n in range(400)])
    assert np.abs(auc - 0.5).max() < reach.max() < 0.1


def test_answers_of_one_group_count_as_one() -> None:
    draw = np.random.default_rng(5)
    once, y = draw.normal(size=(1, 1, 100)), draw.random(100) < 0.5
    names = [str(n) for n in range(100)]
    _, alone = auc_of_cells(once, y, names)
    _, copied = auc_of_cells(np.tile(once, 4), np.tile(y, 4), names * 4)
    assert copied == pytest.approx(alone, rel=0.05)


def test_a_position_that_few_answers_have_is_blank() -> None:
    scores = np.ones((1, 2, 40))
    scores[0, 1, 5:] = np.nan
    auc, _ = auc_of_cells(scores, np.arange(40) % 2 == 0, [str(n) for n in range(40)])
    assert auc[0, 0] == 0.5
    assert np.isnan(auc[0, 1])


@pytest.mark.parametrize("n_layers", [1, 16, 30, 126])
def test_a_sketch_fits_a_terminal(n_layers: int) -> None:
    lines = sketch(np.linspace(0.4, 1.0, n_layers * 3).reshape(n_layers, 3), POSITIONS)
    assert len(lines) <= 17
    assert max(map(len, lines)) <= 100
    assert "█" in lines[-2]


def test_a_preview_leaves_one_file_and_no_draw_of_chance_behind(tmp_path: Path) -> None:
    before = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())  # noqa: NPY002 (nobody may draw from it)
    shown(tmp_path, 300)
    assert (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert [path.name for path in tmp_path.iterdir()] == ["heatmap-preview.png"]
