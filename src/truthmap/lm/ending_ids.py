"""The ids that end an answer, or a line of it."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from truthmap.errors import ModelError
from truthmap.lm.prompt_encoding import tokenizer_errors

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def stop_ids_of(name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the ids that close an answer, by the model's generation settings and its tokenizer.

    Raises:
        ModelError: the model's files name something that is no id.
    """
    configured = model.generation_config.eos_token_id if model.generation_config else None
    listed = configured if isinstance(configured, (list, tuple)) else [configured]
    ids = [i for i in [*listed, tokenizer.eos_token_id] if i is not None]
    wrong = [i for i in ids if not isinstance(i, int) or isinstance(i, bool)]
    if wrong:
        raise ModelError(
            f"{name} names {wrong[0]!r} as the token that ends an answer, expected an id: mend eos_token_id in its "
            "generation_config.json and config.json"
        )
    return frozenset(i for i in ids if 0 <= i < len(model.get_input_embeddings().weight))


def line_ids_of(name: str, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the ids whose text ends a line."""
    with tokenizer_errors(name):
        texts = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
    return frozenset(i for i, text in enumerate(texts) if "\n" in text)


def left_open(ids: Sequence[int], stop_ids: Container[int]) -> tuple[int, ...]:
    """Return a prompt's ids without the closing one: some tokenizers close every text, and a prompt stays open."""
    return tuple(ids[:-1] if len(ids) > 1 and ids[-1] in stop_ids else ids)
