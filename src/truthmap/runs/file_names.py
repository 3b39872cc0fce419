"""What the files and folders of a run are called."""

from __future__ import annotations

STUDY = "study.yaml"
LEDGER = "stages.json"

QUESTIONS = "questions.parquet"
SPLITS = "splits.parquet"
ANSWERS = "answers.parquet"
GRADES = "grades.parquet"
SECOND_GRADES = "second_grades.parquet"
AUDIT = "audit.json"
AUDIT_SAMPLE = "audit.csv"
STATES = "states"
GRID = "grid.parquet"
SCORES = "scores.safetensors"
PERMUTATION_NULL = "null.parquet"
LEARNING_CURVE = "curve.parquet"
SUMMARY = "summary.json"
HEATMAP_PNG = "heatmap.png"
HEATMAP_SVG = "heatmap.svg"
HEATMAP_PREVIEW = "heatmap-preview.png"
"""While a run is made; removed when its map is there."""
REPORT = "report.html"

SAMPLES = "samples.parquet"
SAMPLE_GRADES = "sample_grades.parquet"
SAMPLE_PARTS = "sample_parts"
SAMPLE_STATES = "sample_states"
SELF_REPORTS = "confidence.parquet"
EXACT_P_TRUE = "exact_p_true.parquet"

ANALYSES = "analyses"
CONTROLS_KEPT = f"{ANALYSES}/controls_kept.parquet"
DETECTOR = "detector"
DETECTOR_CONFIG = "config.json"
LOOKS = "looks"
PARTS = "parts"
GRADE_PARTS = "grade-parts"
KEPT_ANSWERS = "kept-answers"
SCRATCH = (PARTS, GRADE_PARTS, KEPT_ANSWERS)
"""Folders that a run has while it is made."""

FILES = frozenset(
    {
        STUDY, LEDGER, QUESTIONS, SPLITS, ANSWERS, GRADES, SECOND_GRADES, AUDIT, AUDIT_SAMPLE, GRID, SCORES,
        PERMUTATION_NULL, LEARNING_CURVE, SUMMARY, HEATMAP_PNG, HEATMAP_SVG, HEATMAP_PREVIEW, REPORT, SAMPLES,
        SAMPLE_GRADES, SELF_REPORTS, EXACT_P_TRUE,
    }
)  # fmt: skip
"""The files that lie right in a run's folder."""

_MOST = {".yaml": 1 << 18, ".json": 64 << 20, ".csv": 64 << 20, ".png": 64 << 20, ".svg": 256 << 20}


def most_of(name: str) -> int:
    """Return the bytes of the largest file of this name that is read."""
    return next((most for ending, most in _MOST.items() if name.endswith(ending)), 1 << 33)
