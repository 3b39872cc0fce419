"""Other models that say which answers say the same: an NLI classifier, or a language model as judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from truthmap.analyses.equivalence import ByEntailment, ByJudge, ByMeaning, Equivalence
from truthmap.errors import UsageError
from truthmap.execution.graders import open_text_model
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.nli import load_entailment

if TYPE_CHECKING:
    from truthmap.study.resources import Where


def chosen_equivalence(nli: str | None, judge: str | None, where: Where) -> Equivalence:
    """Return what decides which answers say the same: the exact answer, unless a model is named.

    Args:
        nli: Folder or hub id of an NLI classifier.
        judge: A language model: anything that `load_model` takes, or the address of an OpenAI-style endpoint.
        where: Where a model on this machine computes.

    Raises:
        UsageError: both models are named.
        ModelError: the model cannot be loaded, or is no NLI model.
    """
    if nli is not None and judge is not None:
        raise UsageError("name an NLI model or a judge, not both")
    if nli is not None:
        return ByEntailment(load_entailment(nli, LoadSettings(device=where.device)))
    if judge is None:
        return ByMeaning()
    settings = LoadSettings(device=where.device)
    return ByJudge(open_text_model(judge, lambda name: load_model(name, settings), where.batch_tokens))
