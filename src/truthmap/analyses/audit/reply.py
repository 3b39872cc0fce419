"""All that is known of how far a run's grades can be trusted, for `truthmap audit`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from truthmap.analyses.audit.measure import Agreement
from truthmap.analyses.audit.run import audit_file, audit_run, is_filled_in
from truthmap.analyses.audit.twice import GradedTwice
from truthmap.errors import TruthmapError
from truthmap.grading.audit_record import Audit
from truthmap.runs.file_names import AUDIT_SAMPLE


class AuditReply(BaseModel):
    """How far a run's grades can be trusted.

    Attributes:
        run: The run; empty where a sample was named that is in none.
        sample: The sample to fill in by hand.
        audit: What the run's audit found; `None` where a sample was named.
        graded_twice: How a second grading agrees, if the run has one.
        agreement: How a filled-in sample agrees; `None` where none is filled in.
        fault: Why the sample cannot be compared, in a sentence; `None` where it was, or nobody asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    sample: str
    audit: Audit | None
    graded_twice: GradedTwice | None
    agreement: Agreement | None
    fault: str | None = None


def audit_reply(path: Path, auc: float | None = None) -> tuple[AuditReply, TruthmapError | None]:
    """Return all that is known, and what keeps a sample from being compared, if anything does.

    Args:
        path: A run, or the sample of one wherever it is.
        auc: The AUC to speak of; by default that of the run's best cell on the test part.

    Raises:
        RunFolderError: the folder holds no audit.
        QuestionsError: the sample that was named cannot be read.
        NotEnoughDataError: too little of it is filled in.
        DamagedFileError: a file does not hold what it should.
    """
    if not path.is_dir():
        agreement = audit_file(path, auc)
        return AuditReply(run="", sample=str(path), audit=None, graded_twice=None, agreement=agreement), None
    audited, twice = audit_run(path)
    sample = path / AUDIT_SAMPLE
    found = AuditReply(run=str(path), sample=str(sample), audit=audited, graded_twice=twice, agreement=None)
    if twice is not None and not is_filled_in(sample):
        return found, None
    try:
        return found.model_copy(update={"agreement": audit_file(sample, auc)}), None
    except TruthmapError as error:
        return found.model_copy(update={"fault": str(error)}), error
