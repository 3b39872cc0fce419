"""Narrowing a shard's states before they are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch

from truthmap.arrays import Bools
from truthmap.store.float8 import CENTRE, LARGEST, SCALE
from truthmap.store.store_dtype import StoreDtype

Tensors = Mapping[str, torch.Tensor]


def narrowed(states: torch.Tensor, present: Bools, stored: StoreDtype) -> Tensors:
    """Return the tensors that states float (L, P, n, d) are stored as, by what their names end with.

    Args:
        states: The states of one site.
        present: bool (P, n).
        stored: What they are narrowed to.
    """
    return _NARROW[stored](states, present)


def _as_they_are(states: torch.Tensor, present: Bools) -> Tensors:  # noqa: ARG001 (all are called so)
    return {"": states}


def _bfloat16(states: torch.Tensor, present: Bools) -> Tensors:  # noqa: ARG001 (all are called so)
    return {"": states.to(torch.bfloat16)}


def _float8(states: torch.Tensor, present: Bools) -> Tensors:
    """Write the deviations from the mean of each cell's rows in e4m3: see `float8`."""
    here = torch.from_numpy(present)
    codes = torch.empty(states.shape, dtype=torch.float8_e4m3fn)
    scale = torch.empty(states.shape[:3], dtype=torch.float32)
    centre = torch.empty((*states.shape[:2], states.shape[3]), dtype=torch.float32)
    counts = here.sum(dim=1, keepdim=True).clamp(min=1)
    for n, layer in enumerate(states):  # one at a time: as float32 a shard may be too large
        wide = layer.float().where(here[..., None], 0.0)
        centre[n] = (wide.sum(dim=1, dtype=torch.float64) / counts).float()
        deviation = (wide - centre[n][:, None]).where(here[..., None], 0.0)
        largest = deviation.abs().amax(dim=2)
        rows = torch.where(largest > 0, largest / LARGEST, 1.0)
        codes[n] = (deviation / rows[..., None]).to(torch.float8_e4m3fn)
        scale[n] = rows.where(here, 0.0)
    return {"": codes, SCALE: scale, CENTRE: centre}


_NARROW: Mapping[StoreDtype, Callable[[torch.Tensor, Bools], Tensors]] = MappingProxyType(
    {StoreDtype.AUTO: _as_they_are, StoreDtype.BFLOAT16: _bfloat16, StoreDtype.FLOAT8: _float8}
)
