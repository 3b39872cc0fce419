"""How many cells are fitted at once: one on a CPU, where compiled loops are faster; as many as fit on a GPU."""

from __future__ import annotations

import torch

from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.threads import workers_on

_SHARE = 0.6  # of the memory that is free; the rest is for what the linear algebra takes by itself
_MOST = 64  # more fill no device better, and wait for the slowest among more
_STATES = 5  # times the states that are there at once: as read, scaled, and on the way from one to the other
_MATRICES = 12  # square ones at once, of answers or dimensions, whichever are fewer; float64 counts twice
_STEPS = 14  # arrays of a row: weight, scores, derivatives, directions and their scores
_PARTS = 5


def cells_at_once(settings: GridSettings, n: int, width: int, labels: int) -> int:
    """Return how many cells of n answers and a width are fitted at once, for so many label vectors."""
    device = torch.device(settings.device)
    if settings.together is not None:
        return settings.together
    if device.type != "cuda":
        return 1
    least = min(n, width)
    each = 4 * (_STATES * n * width + _MATRICES * least**2 + _STEPS * labels * _PARTS * (n + width))
    free, _ = torch.cuda.mem_get_info(device)
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(1, min(_MOST, int(_SHARE * (free + held) / workers_on(device) / each)))
