"""What grading the same answers twice found: the saved result."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.analyses.saved import read_if_made
from truthmap.grading.text_model import Cost
from truthmap.metrics.estimate import Estimate
from truthmap.records import Outcome
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import analysis_entry
from truthmap.runs.stored_run import StoredRun

NAME = "audit"
"""Of the saved result and its table: what the analysis is called."""
FILES = (f"{ANALYSES}/{NAME}.json", f"{ANALYSES}/{NAME}.parquet")
"""In the run's folder."""


class AucTwice(BaseModel):
    """What the best cell's probe reaches under two gradings, on the answers that both score.

    Its scores are the same: it was fitted on the first grades, and has not seen the answers that it scores.

    Attributes:
        first, second: The AUC under either.
        difference: The second less the first, with its paired interval.
        agreeing: The AUC on the answers on which both agree; `None` where those are all right, or all wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: Estimate
    second: Estimate
    difference: Estimate
    agreeing: Estimate | None


class GradedTwice(AnalysisResult, BaseModel):
    """How two gradings of the same answers agree.

    Attributes:
        first, second: The graders: a rule, or the model that judges.
        counts: Outcome by the first → outcome by the second → answers.
        agreement: Of the answers that both score, the share on which they agree.
        kappa: Cohen's kappa on these; `None` where it is not defined.
        validation: The AUC under both, cross-validated on train + validation; `None` where an outcome is missing.
        test: The same on the test part.
        cost: What asking the second grader took; `None` where it is a rule.
        says: What to make of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str
    second: str
    counts: dict[Outcome, dict[Outcome, int]]
    agreement: Estimate
    kappa: Estimate | None
    validation: AucTwice | None
    test: AucTwice | None
    cost: Cost | None
    says: tuple[str, ...]


def read_comparison(run: StoredRun) -> GradedTwice | None:
    """Read back what `compare_grades` wrote into a run; `None` where nothing was.

    Raises:
        RunFolderError: it was made from an earlier state of the run.
        DamagedFileError: the file does not hold such a result.
    """
    return read_if_made(run, NAME, GradedTwice)


def forget_comparison(folder: RunFolder) -> None:
    """Remove what `compare_grades` wrote."""
    folder.forget(analysis_entry(NAME))
    for name in FILES:
        folder.remove(name)
