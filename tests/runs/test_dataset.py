"""A cell of a run as arrays: what is stored, and what the model reads for a rule or a function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truthmap.errors import UsageError
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer, Grade, Site, Split
from truthmap.runs.data import RunData
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model))


@pytest.fixture(scope="module")
def data(made_once: Path) -> RunData:
    return RunData.load(Run(run_folder(made_once)))


def first_token(answer: Answer, grade: Grade) -> int:
    return len(answer.prompt_ids)


def test_a_stored_cell_comes_with_its_labels(data: RunData) -> None:
    cell = data.dataset(1, "last_q")
    assert cell.x.shape == (len(data.labels.ids), 24)
    assert cell.x.dtype == np.float32
    assert cell.y.tolist() == data.labels.y.tolist()
    assert cell.ids == data.labels.ids
    assert cell.test.tolist() == [split is Split.TEST for split in cell.split]
    assert np.array_equal(data.dataset(-1, "last_q").x, cell.x)


def test_rows_without_the_position_are_left_out_and_counted(data: RunData) -> None:
    cell = data.dataset(0, "-2")
    assert len(cell.ids) + cell.missing == len(data.labels.ids)
    assert len(cell.x) == len(cell.y) == len(cell.fold) == len(cell.group) == len(cell.ids)


@pytest.mark.parametrize("place", ["answer[0]", first_token])
def test_a_place_of_ones_own_is_read_as_the_run_read_it(data: RunData, lm: LanguageModel, place: Any) -> None:
    stored, read = data.dataset(1, "first_answer"), data.dataset(1, place, lm=lm)
    assert read.ids == stored.ids
    np.testing.assert_allclose(read.x, stored.x, rtol=1e-4, atol=1e-4)


def test_a_site_that_is_not_stored_is_read(data: RunData, lm: LanguageModel) -> None:
    head = data.dataset(0, "last_q", site=Site.HEAD, lm=lm)
    row = data.answer_of(head.ids[5])
    own = lm.states(row.prompt_ids, sites="head")[0, -1].numpy()
    np.testing.assert_allclose(head.x[5], own, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"layer": 2, "position": "last_q"}, "there is no layer 2: there are 2, from 0 to 1"),
        ({"layer": 0, "position": "answer[3]"}, r"has not stored residual at answer\[3\]: give its model"),
        ({"layer": 0, "position": "last_q", "site": "mlp"}, "has not stored mlp at last_q: give its model"),
    ],
)
def test_what_is_not_there_is_named(data: RunData, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        data.dataset(**arguments)


def test_a_place_outside_the_sequence_is_named(data: RunData, lm: LanguageModel) -> None:
    def far(answer: Answer, grade: Grade) -> int:
        return 1000

    with pytest.raises(UsageError, match="far gives token 1000 of question q000, which has"):
        data.dataset(0, far, lm=lm)
    with pytest.raises(UsageError, match="there is no position 'the end'"):
        data.dataset(0, "the end", lm=lm)
