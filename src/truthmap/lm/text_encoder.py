"""A sentence-embedding model: one vector for a text, whatever model is studied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from truthmap.arrays import Floats32
from truthmap.errors import ModelError
from truthmap.lm.load import pick_device, pick_dtype, quiet
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.whole_weights import require_whole

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_TEXTS = 64  # in one batch
_LONGEST = 512  # tokens of a text; what is longer is cut
_UNUSED = "pooler."  # a head that means are taken without; many files lack it
_DEEPEST = 4  # folders that a package may keep its model under


@dataclass(frozen=True)
class TextEncoder:
    """An encoder whose token vectors are averaged to one for the text, as sentence transformers do.

    Attributes:
        model: The transformers model.
        tokenizer: Its tokenizer.
        longest: Tokens of a text that it reads; what is longer is cut.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    longest: int = _LONGEST

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Floats32:
        """Return the mean of each text's last hidden states, of length 1: float32 (n, d).

        Reimers and Gurevych, "Sentence-BERT" (arXiv 1908.10084).
        """
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # texts of like length share a batch
        found = [
            self._batch([texts[n] or " " for n in order[start : start + _TEXTS]])
            for start in range(0, len(order), _TEXTS)
        ]
        vectors = np.empty((len(texts), self.model.config.hidden_size), dtype=np.float32)
        if found:
            vectors[order] = np.concatenate(found)
        return vectors

    def _batch(self, texts: list[str]) -> Floats32:
        encoded = self.tokenizer(texts, padding=True, truncation=True, max_length=self.longest, return_tensors="pt").to(
            self.model.device
        )
        states = self.model(**encoded).last_hidden_state.float()
        mask = encoded["attention_mask"][:, :, None].float()
        mean = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        vectors: Floats32 = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return vectors


def load_text_encoder(name: str, settings: LoadSettings | None = None) -> TextEncoder:
    """Load a sentence-embedding model from a folder, an installed package that carries one, or a hub id.

    Raises:
        ModelError: it cannot be loaded, or its files lack weights.
    """
    from transformers import AutoModel, AutoTokenizer

    settings = settings or LoadSettings()
    device = pick_device(settings.device)
    place = str(_folder(name) or name)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(place)
            model, loading = AutoModel.from_pretrained(
                place, dtype=pick_dtype(settings.dtype, device), use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"the text model {name!r} cannot be loaded: {reason}; name a folder with config.json, model.safetensors "
            "and a tokenizer, an installed package that carries one, or a hub id"
        ) from error
    used = {what: [key for key in keys if not str(key).startswith(_UNUSED)] for what, keys in loading.items() if keys}
    require_whole(name, used)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    longest = min(_LONGEST, getattr(model.config, "max_position_embeddings", _LONGEST) or _LONGEST)
    return TextEncoder(model.to(device).eval(), tokenizer, longest)


def _folder(name: str) -> Path | None:
    """Return the folder of the model that an installed package carries; nothing of the package is run."""
    if Path(name).exists() or not name.replace("_", "").replace("-", "").isalnum():
        return None
    spec = find_spec(name.replace("-", "_"))
    places = [] if spec is None or spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    for place in map(Path, places):
        found = sorted(place.rglob("config.json"), key=lambda path: len(path.parts))
        for path in found:
            if len(path.relative_to(place).parts) <= _DEEPEST and list(path.parent.glob("*.safetensors")):
                return path.parent
    return None
