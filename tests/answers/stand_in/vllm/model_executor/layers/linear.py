"""The projection that gathers what workers computed."""

from __future__ import annotations

import torch


class RowParallelLinear(torch.nn.Linear):
    @property
    def input_size(self) -> int:
        return self.in_features

    @property
    def output_size(self) -> int:
        return self.out_features
