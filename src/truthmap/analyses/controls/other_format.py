"""Whether the signal hangs on how the model was asked: it reads the same answers behind another form of prompt.

The model itself is the peer, as in "Masked by Consensus" (Ashuach et al., arXiv 2604.12373), with its question put
plainly where the run's stands in the chat template, or the other way round. A probe is fitted anew on those states:
what it reaches does not hang on the form. Whether the run's own probe, unchanged, would read them is another question.
"""

from __future__ import annotations

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import remaining, verdict_on
from truthmap.analyses.controls.peer_fit import facts_of, fit_peer, gaps
from truthmap.analyses.controls.peers import read_peer
from truthmap.analyses.controls.readers import read_by_others
from truthmap.lm.other_models import asked_otherwise

_NAME = "the model asked otherwise"


def measure_other_format(context: ControlContext) -> ControlResult:
    """Fit a probe to the model's own states of the same answers behind the other prompt format."""
    fit = fit_peer(context, read_peer(context, context.active, asked_otherwise, _NAME), _NAME)
    held = read_by_others(context, [fit.reader])[0]
    assert held.probe is not None and held.left is not None
    head = remaining(held.name, held.value, held.probe)
    hangs = "hangs" if held.left.excludes_zero else "does not hang"
    says = (
        f"Asked in the other form (plainly, or in the chat template), the same answers give a new probe "
        f"({held.name}) {held.value.value:.2f}, and {held.probe.value:.2f} as they were asked (difference "
        f"{held.left.short_signed}): what is read {hangs} on the form."
    )
    return ControlResult(verdict_on(head), says, (head,), tuple(gaps(context, fit, None)), facts_of([fit]))


CONTROL = Control(
    "other-format",
    "Masked by Consensus: Disentangling Privileged Knowledge in LLM Correctness, arXiv 2604.12373",
    measure_other_format,
)
