"""Whether another model's states tell as much: what is private to this model, and what any reader of the texts knows.

"Masked by Consensus: Disentangling Privileged Knowledge in LLM Correctness" (Ashuach et al., arXiv 2604.12373) fits
probes of one model's correctness to the states of other models, and calls the lead of its own probe the premium gap: it
finds none on all questions, and one for facts on the questions where the models disagree. They read the question; here
the peer reads question and answer, at the place of the run's best cell, found by characters. The peer's layer is chosen
on train + validation, and its probe stands against the run's on the test part. Where the two disagree: the test rows of
which one model's answer is right and the other's is wrong. A run of the very same weights, asked otherwise, is no
stranger: what it reads is said, and says nothing of what is private.
"""

from __future__ import annotations

from dataclasses import replace

from truthmap.analyses.controls.base import Control, ControlResult, not_run
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlVerdict
from truthmap.analyses.controls.peer_fit import fit_peer, told
from truthmap.analyses.controls.peers import peer_named, read_named_peer


def measure_peer(context: ControlContext) -> ControlResult:
    """Hold the probe against probes on the states of the models that the settings name."""
    if not context.settings.peers:
        return not_run("Not run: name another model, or a run of one on the same questions, with --peer.")
    fits, outcomes, strangers = [], {}, []
    for name in context.settings.peers:
        peer = peer_named(context, name)
        read, theirs = read_named_peer(context, peer)
        fit = fit_peer(context, read, peer.name)
        fits.append(fit)
        strangers.append(not peer.has_weights_of(context.data))
        if theirs:
            outcomes[fit.reader.name] = theirs
    if any(strangers):
        return told(context, fits, "A stranger", "known to any reader, and not private to this model", outcomes)
    own = told(context, fits, "The same model, asked otherwise,", "read whichever way it is asked", outcomes)
    return replace(own, verdict=ControlVerdict.APART)  # it says nothing of what is private to the model


CONTROL = Control(
    "peer-probe",
    "Masked by Consensus: Disentangling Privileged Knowledge in LLM Correctness, arXiv 2604.12373",
    measure_peer,
)
