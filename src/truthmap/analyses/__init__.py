"""What can be learned from finished runs: baselines, transfer, error types, selection."""

from __future__ import annotations

from truthmap.analyses.agreement import self_consistency, semantic_entropy, weighted_semantic_entropy
from truthmap.analyses.asking import (
    FALSE_FIRST,
    TRUE_FIRST,
    percent_prompt,
    probability_true,
    read_percent,
    true_or_false_prompt,
)
from truthmap.analyses.audit import Audit, Located, PlaceAuc, audit_grades
from truthmap.analyses.comparison import Comparison, Confidence, Family, Method, measure_methods
from truthmap.analyses.difference import (
    LEVEL,
    CellDifferences,
    MapDifference,
    MapScores,
    MapSide,
    array_of,
    compare_maps,
    rows_of,
)
from truthmap.analyses.equivalence import (
    ByEntailment,
    ByJudge,
    ByMeaning,
    Entailment,
    Equivalence,
    Saying,
    meaning_of,
    numbered,
)
from truthmap.analyses.error_types import (
    ErrorType,
    ErrorTypes,
    SampleCounts,
    TypeScore,
    count_samples,
    error_type,
    study_types,
)
from truthmap.analyses.estimate import Estimate, bootstrapped
from truthmap.analyses.hand_check import Agreement, Checked, compare_with_hand
from truthmap.analyses.log_prob import Digest, digest, mean_log_prob
from truthmap.analyses.selection import (
    Candidate,
    Pool,
    Selection,
    Strategy,
    StrategyScore,
    TypeSize,
    by_type,
    chance_right,
    ranked_right,
    sample_numbers,
    score_strategies,
)
from truthmap.analyses.selective import error_precision, risk_area, risk_curve
from truthmap.analyses.threshold import best_threshold, share
from truthmap.analyses.transfer import OTHERS, Choice, Transfer, TransferScore, TransferSet
from truthmap.analyses.within import WithinInterval, within_interval

__all__ = [
    "FALSE_FIRST",
    "LEVEL",
    "OTHERS",
    "TRUE_FIRST",
    "Agreement",
    "Audit",
    "ByEntailment",
    "ByJudge",
    "ByMeaning",
    "Candidate",
    "CellDifferences",
    "Checked",
    "Choice",
    "Comparison",
    "Confidence",
    "Digest",
    "Entailment",
    "Equivalence",
    "ErrorType",
    "ErrorTypes",
    "Estimate",
    "Family",
    "Located",
    "MapDifference",
    "MapScores",
    "MapSide",
    "Method",
    "PlaceAuc",
    "Pool",
    "SampleCounts",
    "Saying",
    "Selection",
    "Strategy",
    "StrategyScore",
    "Transfer",
    "TransferScore",
    "TransferSet",
    "TypeScore",
    "TypeSize",
    "WithinInterval",
    "array_of",
    "audit_grades",
    "best_threshold",
    "bootstrapped",
    "by_type",
    "chance_right",
    "compare_maps",
    "compare_with_hand",
    "count_samples",
    "digest",
    "error_precision",
    "error_type",
    "mean_log_prob",
    "meaning_of",
    "measure_methods",
    "numbered",
    "percent_prompt",
    "probability_true",
    "ranked_right",
    "read_percent",
    "risk_area",
    "risk_curve",
    "rows_of",
    "sample_numbers",
    "score_strategies",
    "self_consistency",
    "semantic_entropy",
    "share",
    "study_types",
    "true_or_false_prompt",
    "weighted_semantic_entropy",
    "within_interval",
]
