"""What can be learned from finished runs: baselines, transfer, error types, selection."""

from __future__ import annotations

from truthmap.analyses.agreement import Agreement, Checked, compare_with_hand
from truthmap.analyses.audit import Audit, Located, PlaceAuc, audit_grades
from truthmap.analyses.log_prob import mean_log_prob

__all__ = [
    "Agreement",
    "Audit",
    "Checked",
    "Located",
    "PlaceAuc",
    "audit_grades",
    "compare_with_hand",
    "mean_log_prob",
]
