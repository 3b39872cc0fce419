"""The figures of a run's detector, drawn from what its artifact says."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from truthmap.detector.artifact import load_artifact
from truthmap.detector.config import HeadConfig
from truthmap.detector.figures import draw_reliability, draw_risk_coverage
from truthmap.errors import RunFolderError
from truthmap.runs.data import RunData
from truthmap.runs.file_names import DETECTOR


def draw_detector_risk(data: RunData, _choice: Any, axes: Axes | None) -> Axes:
    """Draw the detector's selective risk over coverage."""
    return draw_risk_coverage(_answer_head(data), axes)


def draw_detector_reliability(data: RunData, _choice: Any, axes: Axes | None) -> Axes:
    """Draw how well the detector's P(wrong) holds on the test part."""
    return draw_reliability(_answer_head(data), axes)


def _answer_head(data: RunData) -> HeadConfig:
    folder, run = data.path(DETECTOR), data.run
    if not folder.is_dir():
        raise RunFolderError(f"{run.address} has no detector yet; make it with `truthmap detector {run.address}`")
    return load_artifact(folder).config.heads[0]
