"""What tells attention from the other parts of a block."""

from __future__ import annotations

import torch


class AttentionLayerBase(torch.nn.Module):
    pass
