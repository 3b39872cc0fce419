"""The sealed artifact, calibration, guarantee, drift; asking and scoring with it."""

from __future__ import annotations

from truthmap.detector.artifact import Artifact, TrainingRecord, load_artifact, save_artifact
from truthmap.detector.batch import judge_file
from truthmap.detector.detector import Detector, load_detector
from truthmap.detector.fitting import HeadData, SealSettings, fit_head
from truthmap.detector.guarantee import Promise, Risk, Scored, make_promise
from truthmap.detector.heads import Head
from truthmap.detector.listener import Listener, TokenEvent
from truthmap.detector.rows import forecast_row, similar_row, tokens_row, verdict_row
from truthmap.detector.settings import (
    FORMAT,
    LABEL,
    AskingConfig,
    CellAt,
    DetectorConfig,
    HeadConfig,
    ModelConfig,
    Role,
    TrainingConfig,
)
from truthmap.detector.verdicts import Forecast, Trust, Verdict

__all__ = [
    "FORMAT",
    "LABEL",
    "Artifact",
    "AskingConfig",
    "CellAt",
    "Detector",
    "DetectorConfig",
    "Forecast",
    "Head",
    "HeadConfig",
    "HeadData",
    "Listener",
    "ModelConfig",
    "Promise",
    "Risk",
    "Role",
    "Scored",
    "SealSettings",
    "TokenEvent",
    "TrainingConfig",
    "TrainingRecord",
    "Trust",
    "Verdict",
    "fit_head",
    "forecast_row",
    "judge_file",
    "load_artifact",
    "load_detector",
    "make_promise",
    "save_artifact",
    "similar_row",
    "tokens_row",
    "verdict_row",
]
