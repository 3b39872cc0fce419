"""States that say nothing about the labels, split as a run splits them: whatever is fitted must read 0.5 off them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from truthmap.metrics.auc_interval import auc_estimate
from truthmap.questions.splits import SplitSettings, assign_splits
from truthmap.records import Question

N, WIDTH, REPEATS = 300, 64, 40


@dataclass(frozen=True)
class Noise:
    """States float32 (n, d), labels bool (n,) and folds int64 (n,), none of them in the test part."""

    x: torch.Tensor
    y: np.ndarray
    fold: np.ndarray


def noise(repeat: int) -> Noise:
    """Draw 300 answers of width 64, in five folds of unequal size and share of right answers."""
    random = np.random.default_rng(repeat)
    questions = [Question(f"q{n}", f"question {n}") for n in range(600)]
    splits = assign_splits(questions, SplitSettings(seed=repeat))
    fold = np.array([split.fold for split in splits if split.fold >= 0][:N])
    x = torch.from_numpy(random.standard_normal((N, WIDTH)).astype(np.float32))
    return Noise(x, random.random(N) < 0.5, fold)


def mean_auc(score: Callable[[Noise], np.ndarray]) -> float:
    """Return the mean AUC of scores float (n,) of noise; its standard error is 0.005."""
    drawn = [noise(repeat) for repeat in range(REPEATS)]
    return float(np.mean([auc_estimate(score(each), each.y).value for each in drawn]))
