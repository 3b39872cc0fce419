"""A natural-language-inference classifier: whether one text follows from another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from truthmap.errors import ModelError
from truthmap.lm.load import pick_device, pick_dtype, quiet
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.whole_weights import require_whole

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PAIRS = 64  # in one batch
_LONGEST = 512  # tokens of a pair; what is longer is cut


@dataclass(frozen=True)
class EntailmentModel:
    """A sequence classifier one of whose labels is entailment.

    Attributes:
        model: The transformers model.
        tokenizer: Its tokenizer.
        label: The index of the label that says entailment.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    label: int

    @torch.inference_mode()
    def entails(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Return for each (premise, conclusion) whether entailment is the likeliest label."""
        found: list[bool] = []
        for start in range(0, len(pairs), _PAIRS):
            batch = pairs[start : start + _PAIRS]
            encoded = self.tokenizer(
                [premise for premise, _ in batch],
                [conclusion for _, conclusion in batch],
                padding=True,
                truncation=True,
                max_length=_LONGEST,
                return_tensors="pt",
            ).to(self.model.device)
            found += (self.model(**encoded).logits.argmax(dim=-1) == self.label).tolist()
        return found


def load_entailment(name: str, settings: LoadSettings | None = None) -> EntailmentModel:
    """Load an NLI classifier from a folder or a hub id (such as `microsoft/deberta-large-mnli`).

    Raises:
        ModelError: it cannot be loaded, or none of its labels is entailment.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    settings = settings or LoadSettings()
    device = pick_device(settings.device)
    revision, dtype = settings.revision or "main", pick_dtype(settings.dtype, device)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                name, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"the NLI model {name!r} cannot be loaded: {reason}") from error
    require_whole(name, loading)
    labels = {int(index): str(label).casefold() for index, label in model.config.id2label.items()}
    entailing = [index for index, label in labels.items() if label in ("entailment", "entails")]
    if len(entailing) != 1:
        raise ModelError(
            f"{name} is no NLI model: expected one label `entailment`, it has {', '.join(labels.values())}"
        )
    return EntailmentModel(model.to(device).eval(), tokenizer, entailing[0])
