"""A ridge regression scores a fold as a fit that never saw it does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from truthmap.probes.ridge import left_out_scores


@pytest.mark.parametrize("strength", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize(("n", "d"), [(60, 8), (40, 70)])
def test_what_is_said_of_a_fold_is_what_a_fit_without_it_says(n: int, d: int, strength: float) -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((n, d)) * np.geomspace(1, 0.1, d)
    x -= x.mean(axis=0)
    y = (random.random((n, 3)) < 0.4).astype(float)
    fold = np.arange(n) % 4
    fold[0] = 3  # folds of several sizes
    (found,) = left_out_scores(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(fold), [strength])
    for each in range(4):
        seen, unseen = fold != each, fold == each
        model = Ridge(alpha=1 / strength).fit(x[seen], y[seen])
        expected = model.predict(x[unseen]) - y[seen].mean(axis=0)
        np.testing.assert_allclose(found[unseen].numpy(), expected, atol=1e-8)


def test_states_that_are_all_alike_say_nothing() -> None:
    y = (torch.arange(20) % 3 == 0).double()[:, None]
    (found,) = left_out_scores(torch.zeros(20, 5).double(), y, torch.arange(20) % 4, [1.0])
    torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-9, rtol=0)
