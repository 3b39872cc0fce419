"""What the same probe reaches when another rule or judge grades the same answers.

"The Illusion of Progress: Re-evaluating Hallucination Detection in LLMs" (Janiak et al., arXiv 2508.08285) shows that
detectors fall by up to half when overlap with the accepted answer no longer decides what is right. Here the second
grading of the run (`truthmap run --second-grading`) is used as it is: how far both agree, the AUC under both on the
answers that both score, with its paired difference, and the AUC where they agree.
"""

from __future__ import annotations

from truthmap.analyses.audit.twice import AucTwice, GradedTwice, read_comparison
from truthmap.analyses.controls.base import Control, ControlResult, not_run, unclear
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlReading, ControlVerdict, remaining, verdict_on


def measure_second_grader(context: ControlContext) -> ControlResult:
    """Return what the run's second grading says of the AUC, where there is one."""
    run = context.data.run
    twice = read_comparison(run)
    if twice is None:
        return not_run(
            "Not run: nobody graded these answers a second time; the same `truthmap run` with --second-grading "
            "(another rule, or a judge) and --update does, and redoes nothing else."
        )
    found = twice.test or twice.validation
    if found is None:
        return unclear(
            f"Too few answers to say: of those that {twice.first} and {twice.second} both score, the test part has not "
            "enough right and wrong ones under either."
        )
    return graded_again(twice, found)


def graded_again(twice: GradedTwice, found: AucTwice) -> ControlResult:
    """Return what two gradings say of the AUC.

    Args:
        twice: How both agree.
        found: The AUC under both, on the same answers.
    """
    readings = [remaining(f"graded by {twice.second}", found.second, found.first)]
    if found.agreeing is not None:
        readings.append(remaining("where both agree", found.agreeing, found.first))
    readings.append(ControlReading(name="they agree on", value=twice.agreement, of="share"))
    if twice.kappa is not None:
        readings.append(ControlReading(name="Cohen's kappa", value=twice.kappa, of="kappa"))
    verdict = verdict_on(readings[0])
    if verdict is ControlVerdict.HOLDS and found.difference.high < 0:
        verdict = ControlVerdict.PART  # the paired difference knows more than the two intervals
    clear = found.difference.excludes_zero
    meaning = "what the map shows depends on the grader" if clear else "no clear difference"
    says = (
        f"{twice.first} and {twice.second} agree on {twice.agreement.value:.0%} of the answers that both score; graded "
        f"by {twice.second} the probe reads {found.second.value:.2f}, by {twice.first} {found.first.value:.2f} "
        f"(difference {found.difference.short_signed}): {meaning}."
    )
    return ControlResult(verdict, says, tuple(readings), facts=(("second grader", twice.second),))


CONTROL = Control(
    "second-grader",
    "The Illusion of Progress: Re-evaluating Hallucination Detection in LLMs, arXiv 2508.08285",
    measure_second_grader,
)
