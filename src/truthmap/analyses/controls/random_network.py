"""What the identity of the tokens alone gives: a model of the same form that has learned nothing reads the same texts.

A network with random weights still mixes the tokens that it reads into its states, so a probe on them can learn which
words go with which outcome. It is the peer of "Masked by Consensus" (Ashuach et al., arXiv 2604.12373) that knows
nothing: what it reads of the AUC needs no knowledge. Probes on random networks as a control are older: Zhang and
Bowman, "Language Modeling Teaches You More Syntax than Translation Does" (arXiv 1809.10040).
"""

from __future__ import annotations

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.peer_fit import fit_peer, told
from truthmap.analyses.controls.peers import read_peer
from truthmap.lm.other_models import with_random_weights

_NAME = "random weights"


def measure_random_network(context: ControlContext) -> ControlResult:
    """Hold the probe against a probe on the states of the run's model with its weights drawn anew."""
    read = read_peer(context, context.active, with_random_weights, _NAME)
    fit = fit_peer(context, read, _NAME)
    return told(context, [fit], "A network that has learned nothing", "told by which words are read")


CONTROL = Control(
    "random-network",
    "Language Modeling Teaches You More Syntax than Translation Does, arXiv 1809.10040",
    measure_random_network,
)
