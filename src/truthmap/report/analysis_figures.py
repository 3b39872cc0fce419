"""The figures of the analyses that a run has, drawn from their saved results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from truthmap.analyses.results import FOLDER, read_analysis
from truthmap.errors import RunFolderError
from truthmap.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from truthmap.analyses.compare.measure import Comparison
    from truthmap.analyses.select.measure import Selection
    from truthmap.detector.config import HeadConfig

Draw = Callable[[Run, "Axes | None"], "Axes"]


def sample_size(run: Run, axes: Axes | None) -> Axes:
    """Draw what fewer labelled answers would have given."""
    from truthmap.figures.curves import draw_learning_curve

    _require(run, "curve.parquet")
    return draw_learning_curve(run.curve(), axes)


def null(run: Run, axes: Axes | None) -> Axes:
    """Draw what shuffled labels reach anywhere on the map."""
    from truthmap.figures.curves import draw_permutation_null

    _require(run, "null.parquet")
    largest = run.null()
    if not len(largest):
        raise RunFolderError(f"the labels of {run.path} were not shuffled; run it with --permutations 100 --update")
    return draw_permutation_null(largest, run.summary.validation.auc, axes)


def comparison(run: Run, axes: Axes | None) -> Axes:
    """Draw the AUC of every method."""
    from truthmap.analyses.compare.figure import draw_comparison

    return draw_comparison(_comparison(run), axes)


def risk(run: Run, axes: Axes | None) -> Axes:
    """Draw the risk-coverage curves of the compared methods."""
    from truthmap.analyses.compare.figure import draw_risk

    return draw_risk(_comparison(run), axes)


def error_types(run: Run, axes: Axes | None) -> Axes:
    """Draw how many questions are of each type."""
    from truthmap.analyses.errors.figure import draw_error_types
    from truthmap.analyses.errors.measure import ErrorTypes

    return draw_error_types(read_analysis(run.path / FOLDER, "errors", ErrorTypes), axes)


def accuracy_by_k(run: Run, axes: Axes | None) -> Axes:
    """Draw accuracy against the number of samples to choose from."""
    from truthmap.analyses.select.figure import draw_accuracy_by_k

    return draw_accuracy_by_k(_selection(run), axes)


def accuracy_by_type(run: Run, axes: Axes | None) -> Axes:
    """Draw accuracy of each way of choosing, by type of error."""
    from truthmap.analyses.select.figure import draw_accuracy_by_type

    return draw_accuracy_by_type(_selection(run), axes)


def transfer(run: Run, axes: Axes | None) -> Axes:
    """Draw the matrix of AUCs from set to set."""
    from truthmap.analyses.transfer.figure import draw_transfer
    from truthmap.analyses.transfer.measure import Transfer

    return draw_transfer(read_analysis(run.path / FOLDER, "transfer", Transfer), axes)


def difference(run: Run, axes: Axes | None) -> Axes:
    """Draw this run's map minus another's."""
    from truthmap.analyses.diff.figure import draw_difference
    from truthmap.analyses.diff.measure import MapDifference

    return draw_difference(read_analysis(run.path / FOLDER, "diff", MapDifference), axes)


def risk_coverage(run: Run, axes: Axes | None) -> Axes:
    """Draw the detector's promise: wrong answers let through, over answers let through."""
    from truthmap.detector.figures import draw_risk_coverage

    return draw_risk_coverage(_answer_head(run), axes)


def reliability(run: Run, axes: Axes | None) -> Axes:
    """Draw how well the detector's P(wrong) holds on the test part."""
    from truthmap.detector.figures import draw_reliability

    return draw_reliability(_answer_head(run), axes)


ANALYSIS_FIGURES: Mapping[str, tuple[str, Draw]] = {
    "sample-size": ("AUC of the best cell against the number of labelled answers", sample_size),
    "null": ("the largest AUC anywhere on the map for each shuffle of the labels", null),
    "comparison": ("AUC of the probe and of what needs no training (truthmap compare)", comparison),
    "risk": ("risk-coverage curves (truthmap compare)", risk),
    "error-types": ("questions by kind of error (truthmap errors)", error_types),
    "accuracy-by-k": ("accuracy against the number of samples (truthmap select)", accuracy_by_k),
    "accuracy-by-type": ("accuracy by kind of error (truthmap select)", accuracy_by_type),
    "transfer": ("AUC from set to set (truthmap transfer)", transfer),
    "difference": ("difference of two maps (truthmap diff)", difference),
    "risk-coverage": ("the detector's promise (truthmap detector)", risk_coverage),
    "reliability": ("how well the detector's P(wrong) holds (truthmap detector)", reliability),
}
"""Name → what the figure shows, and what draws it."""


def _require(run: Run, name: str) -> None:
    if not (run.path / name).is_file():
        raise RunFolderError(f"{run.path} has no {name}; run the study again to have it made")


def _comparison(run: Run) -> Comparison:
    from truthmap.analyses.compare.measure import Comparison

    return read_analysis(run.path / FOLDER, "compare", Comparison)


def _selection(run: Run) -> Selection:
    from truthmap.analyses.select.measure import Selection

    return read_analysis(run.path / FOLDER, "select", Selection)


def _answer_head(run: Run) -> HeadConfig:
    from truthmap.detector.artifact import load_artifact

    folder = run.path / "detector"
    if not folder.is_dir():
        raise RunFolderError(f"{run.path} has no detector yet; make it with `truthmap detector {run.path}`")
    return load_artifact(folder).config.heads[0]
