"""Every law here is tried on the CPU, so that its lines run, and on a CUDA device where there is one."""

from __future__ import annotations

import pytest
import torch

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, NO_CUDA])


@pytest.fixture(params=["cpu", CUDA])
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


@pytest.fixture(params=[CUDA])
def cuda(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)
