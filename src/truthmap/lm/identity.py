"""What identifies a model and its tokenizer, whoever loaded them."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from truthmap.files import digest_of
from truthmap.lm.whole_weights import computed_with, weights_digest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def identity_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Return what tells a model from another one of the same name.

    The digest of the weights covers every number that is in memory, that of the configuration what is computed with
    them.
    """
    return {
        "architecture": type(model).__name__,
        "weights": weights_digest(model.state_dict()),
        "config": digest_of(computed_with(model.config.to_dict())),
        "tokenizer": digest_of([sorted(tokenizer.get_vocab().items()), sorted(tokenizer.all_special_ids)]),
        "dtype": str(model.dtype).removeprefix("torch."),
        "transformers": version("transformers"),
    }


def model_digest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the digest by which a study names a model that was given to it.

    The version of transformers is no part of it, as the model stays the same one.
    """
    own = {name: value for name, value in identity_of(model, tokenizer).items() if name != "transformers"}
    return digest_of({**own, "template": digest_of(tokenizer.chat_template)})
