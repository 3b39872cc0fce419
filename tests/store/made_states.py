"""Shards made from a number."""

from __future__ import annotations

import numpy as np
import torch

from truthmap.positions import LEGACY_POSITIONS
from truthmap.records import Site
from truthmap.store.shards import StateShard

LAYERS, WIDTH, EACH = 3, 8, 5


def shard(number: int, n: int = EACH, dtype: torch.dtype = torch.float32) -> StateShard:
    """Return a shard of n answers in which a fifth of the positions are missing."""
    generator = torch.Generator().manual_seed(number)
    states = torch.randn((LAYERS, len(LEGACY_POSITIONS), n, WIDTH), generator=generator).to(dtype)
    present = np.random.default_rng(number).random((len(LEGACY_POSITIONS), n)) < 0.8
    states = states * torch.from_numpy(present)[None, :, :, None]
    return StateShard(tuple(f"q{number}-{i}" for i in range(n)), LEGACY_POSITIONS, present, {Site.RESIDUAL: states})
