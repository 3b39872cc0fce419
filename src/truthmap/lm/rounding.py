"""How far states may differ by rounding alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from truthmap.lm.cache import TOLERANCES
from truthmap.lm.model import LanguageModel

_AMPLIFIED = 16
"""A pass rounds in every layer, in several sums: so often it may differ by what rounding the embeddings moves."""
_MOST = 4
"""An ill-conditioned model may differ by so many usual tolerances: beyond, a fault would be taken for rounding."""


def tolerance_of(lm: LanguageModel, ids: Sequence[int]) -> float:
    """Return the relative difference of a state that rounding explains: by dtype, more in an ill-conditioned model.

    Some models make much of little (measured on random ones: sharp attention or gated recurrences double a difference
    in every layer). How much is seen by rounding every number of the embeddings another way. In narrow dtypes the usual
    tolerance is near what a fault does, and stays.
    """
    usual = TOLERANCES[lm.dtype]
    if lm.dtype not in (torch.float32, torch.float64):
        return usual
    eps = torch.finfo(lm.dtype).eps

    def round_otherwise(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        up = torch.arange(output.shape[-1], device=output.device) % 2 == 0
        return output * torch.where(up, 1 + eps, 1 - eps).to(output.dtype)

    before = _residual(lm, ids)
    handle = lm.model.get_input_embeddings().register_forward_hook(round_otherwise)
    try:
        after = _residual(lm, ids)
    finally:
        handle.remove()
    return max(usual, min(_AMPLIFIED * relative_difference(after, before), _MOST * usual))


def relative_difference(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Return the greatest ‖found − wanted‖ / ‖wanted‖ of any token in any layer; infinite where one is not finite."""
    if not wanted.numel():
        return 0.0
    exact = wanted.double()
    distance = (found.double() - exact).norm(dim=-1) / exact.norm(dim=-1).clamp(min=1e-12)
    return float(distance.nan_to_num(nan=torch.inf).max())


def _residual(lm: LanguageModel, ids: Sequence[int]) -> torch.Tensor:
    states = lm.states(ids)
    assert isinstance(states, torch.Tensor)
    return states
