"""Other models that say which answers say the same: an NLI classifier, or a language model as judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from truthmap.analyses.equivalence import ByEntailment, ByJudge, ByMeaning, Equivalence
from truthmap.errors import UsageError
from truthmap.grading.text_model import Endpoint
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.nli import load_entailment

if TYPE_CHECKING:
    from truthmap.grading.asking import TextModel
    from truthmap.study.reopen_settings import ReopenSettings


def chosen_equivalence(nli: str | None, judge: str | None, reopening: ReopenSettings) -> Equivalence:
    """Return what decides which answers say the same: the exact answer, unless a model is named.

    Args:
        nli: Folder or hub id of an NLI classifier.
        judge: A language model: anything that `load_model` takes, or the address of an OpenAI-style endpoint.
        reopening: ReopenSettings a model on this machine computes.

    Raises:
        UsageError: both models are named.
        ModelError: the model cannot be loaded, or is no NLI model.
    """
    if nli is not None and judge is not None:
        raise UsageError("name an NLI model or a judge, not both")
    if nli is not None:
        return ByEntailment(load_entailment(nli, LoadSettings(device=reopening.resources.device)))
    return ByMeaning() if judge is None else ByJudge(_asker(judge, reopening))


def _asker(judge: str, reopening: ReopenSettings) -> TextModel:
    if "://" in judge:
        return Endpoint.of(judge)
    from truthmap.answers.prompted import LocalTextModel

    resources = reopening.resources
    return LocalTextModel(load_model(judge, LoadSettings(device=resources.device)), resources.batch_tokens)
