"""Kinds of error on a sampled run, each with its grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.small_study import COLUMNS

from truthmap.analyses.errors.measure import ErrorType, ErrorTypes, TypeProtocol
from truthmap.analyses.errors.run import error_grids, type_errors
from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.analyses.saved import read_analysis
from truthmap.errors import RunFolderError
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run


@pytest.fixture
def sampled(finished: Run) -> Run:
    sample_answers(finished, SampleSettings(k=6, temperature=0.6))
    return finished


def test_each_question_is_in_one_type(sampled: Run) -> None:
    result = type_errors(sampled)
    assert sum(score.n for score in result.types) + result.without_type == result.sampled == 160
    table = pd.read_parquet(sampled.path / ANALYSES / "errors_questions.parquet")
    assert set(map(len, table["types"])) <= {0, 1}
    assert (table["right"] + table["refused"] + table["wrong"].map(sum) == table["scored"]).all()
    assert read_analysis(sampled.path / ANALYSES, "errors", ErrorTypes) == result


def test_types_with_enough_questions_have_a_map_and_a_test_score(sampled: Run) -> None:
    result = type_errors(sampled)
    grids = error_grids(sampled)
    probed = [score for score in result.types if score.layer is not None]
    assert probed
    for score in probed:
        assert score.test is not None
        assert score.position is not None
        grid = grids[score.type]
        assert grid.auc.shape == (2, len(COLUMNS))
        assert score.validation is not None
        wide = grid.auc[:, grid.n.max(axis=0) * 2 >= grid.n.max()]
        assert score.validation.value == pytest.approx(np.nanmax(wide))
    for score in result.types:
        assert (score.layer is None) == bool(score.why_not)


def test_the_papers_protocol_lets_types_overlap(sampled: Run) -> None:
    result = type_errors(sampled, protocol=TypeProtocol.PAPER)
    table = pd.read_parquet(sampled.path / ANALYSES / "errors_questions.parquet")
    assert result.protocol == "paper"
    assert sum(score.n for score in result.types) == table["types"].map(len).sum()
    assert result.without_type == (table["types"].map(len) == 0).sum()


def test_a_type_of_too_few_questions_says_why_it_has_no_map(sampled: Run) -> None:
    rare = next(score for score in type_errors(sampled).types if score.type is ErrorType.REFUSES)
    assert rare.n == 0
    assert rare.greedy_right is None
    assert "needs 10 answers of the type" in rare.why_not


def test_a_run_without_samples_is_refused(finished: Run) -> None:
    with pytest.raises(RunFolderError, match="truthmap sample"):
        type_errors(finished)
