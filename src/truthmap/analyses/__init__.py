"""What can be learned from finished runs: baselines, transfer, error types, selection."""

from __future__ import annotations

from truthmap.analyses.log_prob import mean_log_prob

__all__ = ["mean_log_prob"]
