"""One forward pass over a few tokens that shows how a model is built: what is called when, and what blocks hand on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from truthmap.errors import ModelError
from truthmap.lm.cache import TOLERANCES
from truthmap.lm.forward_inputs import forward_inputs
from truthmap.lm.hooks import HookPoint, record_calls, record_hidden_states

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ROWS = ((5, 6, 7, 8, 9), (5, 6, 10, 11, 12), (5, 6, 13, 4, 3))
"""Rows that begin alike and go on differently; as many as no model has parallel streams (2 or 4)."""
_ALIKE = 2
_LONGEST = 200  # characters of a message from a model's own code


@dataclass(frozen=True)
class Trial:
    """What a short pass showed.

    Attributes:
        calls: For each projection that was called, as which call of all it was last called.
        stream_axis: Where the blocks' states (…, rows, tokens, …, d) have an axis for parallel streams (0 or 2);
            `None` where they have none.
    """

    calls: Mapping[nn.Module, int]
    stream_axis: int | None


@torch.inference_mode()
def try_pass(model: PreTrainedModel, blocks: Sequence[nn.Module], projections: Sequence[nn.Module]) -> Trial:
    """Read a few rows and see what blocks hand on.

    Raises:
        ModelError: the model reads no text alone; a block is not called, hands on something that is not a state for
            each token, or sees later tokens.
    """
    kind = model.config.model_type
    seen: dict[int, torch.Tensor] = {}
    tokens = torch.tensor(_ROWS, device=model.get_input_embeddings().weight.device)
    hook_points = [HookPoint(block) for block in blocks]
    with _text_alone(kind):
        inputs = forward_inputs(model, tokens, torch.ones_like(tokens))
        with record_calls(projections) as calls, record_hidden_states(hook_points, seen.__setitem__):
            model.base_model(**inputs, use_cache=False)
    silent = [str(layer) for layer in range(len(blocks)) if layer not in seen]
    if silent:
        raise ModelError(
            f"{kind}: block {', '.join(silent[:5])} is not called when the model reads text alone, so that it has no "
            "states there; name another list of blocks (--blocks), or take a model that reads text"
        )
    axes = {_stream_axis(kind, states) for states in seen.values()}
    if len(axes) > 1:
        raise ModelError(f"{kind}: its blocks hand on states of different shapes, which truthmap cannot put on one map")
    axis = axes.pop()
    states = [HookPoint(block, streams=axis).states(seen[layer]) for layer, block in enumerate(blocks)]
    if any(_differ(layer.reshape(*tokens.shape, -1)[:, :_ALIKE], model.dtype) for layer in states):
        raise ModelError(
            f"{kind} is an encoder: the state of a token depends on the tokens behind it, so that nothing can be read "
            "while it answers; take a decoder (for some models: `is_decoder: true` in config.json)"
        )
    return Trial(calls, axis)


@contextmanager
def _text_alone(kind: str) -> Iterator[None]:
    """Tell whatever a kind of model raises at text alone as what it is."""
    try:
        yield
    except (torch.OutOfMemoryError, ModelError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:_LONGEST]
        raise ModelError(
            f"{kind} cannot read text alone ({type(error).__name__}: {reason}); "
            "take a model that answers without an image or another input"
        ) from error


def _stream_axis(kind: str, states: torch.Tensor) -> int | None:
    rows, tokens = len(_ROWS), len(_ROWS[0])
    if states.shape[:-1] in ((rows, tokens), (rows * tokens,)):
        return None
    if states.ndim == 4 and states.shape[1:3] == (rows, tokens):
        return 0
    if states.ndim == 4 and states.shape[:2] == (rows, tokens):
        return 2
    raise ModelError(
        f"{kind}: its blocks hand on {tuple(states.shape)} for {rows} rows of {tokens} tokens; truthmap reads "
        "one state for each token and cannot study this model"
    )


def _differ(begun: torch.Tensor, dtype: torch.dtype) -> bool:
    """Return whether states (rows, tokens, d) that must be alike in every row are not; without numbers, no."""
    if begun.is_meta:
        return False
    exact = begun.double()
    distance = (exact - exact[:1]).norm(dim=-1) / exact[:1].norm(dim=-1).clamp(min=1e-12)
    return float(distance.max()) > TOLERANCES[dtype]
