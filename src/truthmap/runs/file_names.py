"""What the files and folders of a run are called."""

from __future__ import annotations

STUDY = "study.yaml"
LEDGER = "stages.json"

QUESTIONS = "questions.parquet"
SPLITS = "splits.parquet"
ANSWERS = "answers.parquet"
GRADES = "grades.parquet"
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
REPORT = "report.html"

SAMPLES = "samples.parquet"
SAMPLE_GRADES = "sample_grades.parquet"
SAMPLE_PARTS = "sample_parts"
SAMPLE_STATES = "sample_states"
SELF_REPORTS = "confidence.parquet"
EXACT_P_TRUE = "exact_p_true.parquet"

ANALYSES = "analyses"
DETECTOR = "detector"
DETECTOR_CONFIG = "config.json"
LOOKS = "looks"
