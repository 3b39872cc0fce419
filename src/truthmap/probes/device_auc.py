"""The AUC of many score vectors where they are: `metrics.auc.auc_rowwise` with tensors, for what a device has made."""

from __future__ import annotations

import torch

_SCALE = 1e6  # scores closer than a millionth of their spread are ties, as in `metrics.auc`


def auc_rows(scores: torch.Tensor, y: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
    """Return the AUC of each row of scores for its own labels: float64 (S, R); ties count one half.

    Args:
        scores: float64 (S, R, n).
        y: bool (R, n).
        here: bool (S, n), the answers that count in each cell.
    """
    there = here[:, None]
    count = here.sum(dim=1)[:, None]
    mean = scores.where(there, 0.0).sum(dim=2) / count
    variance = (scores - mean[:, :, None]).square().where(there, 0.0).sum(dim=2) / count
    spread = variance.sqrt()
    spread = torch.where(spread > 0, spread, 1.0)
    keys = 2 * torch.round(scores / spread[:, :, None] * _SCALE).long()
    lowest = torch.iinfo(torch.int64).min  # even: those that do not count stand below all others, as wrong answers
    right = y[None] & there
    place = torch.arange(scores.shape[2], dtype=torch.float64, device=scores.device)
    places = [
        (torch.where(there, keys + last, lowest).sort(dim=2).values & 1).double() @ place
        for last in (right.long(), (~right).long())
    ]
    n_right = right.sum(dim=2).double()
    absent = (~here).sum(dim=1)[:, None].double()
    # In the second order it is the wrong ones that carry the bit.
    total = place.sum() - absent * (absent - 1) / 2
    ranks = (places[0] + total - places[1]) / 2 - absent * n_right
    n_wrong = count - n_right
    return (ranks - n_right * (n_right - 1) / 2) / (n_right * n_wrong)
