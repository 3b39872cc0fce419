"""A preconditioner is close to the inverse of the rows' Hessian, whichever way it is made."""

from __future__ import annotations

import pytest
import torch

from truthmap.probes.solver.preconditioner import Preconditioner


def hessian(x: torch.Tensor, penalty: torch.Tensor, curvature: torch.Tensor) -> torch.Tensor:
    return torch.diag(penalty) + x.T @ (x * curvature[:, None])


def made(n: int, d: int, uneven: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return x (n, d), penalty (2, d) and curvature (2, n)."""
    generator = torch.Generator().manual_seed(n)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    penalty = torch.rand(2, d, generator=generator, dtype=torch.float64) + 0.5
    curvature = torch.rand(2, n, generator=generator, dtype=torch.float64) * 0.2
    return x, penalty, curvature if uneven else torch.full((2, n), 0.2, dtype=torch.float64)


@pytest.mark.parametrize("uneven", [False, True])
def test_through_the_dimensions_it_is_the_inverse_of_the_mean(uneven: bool) -> None:
    x, penalty, curvature = made(60, 12, uneven)
    precondition = Preconditioner(x, penalty)
    precondition.begin(curvature)
    back = precondition(hessian(x, penalty.mean(dim=0), curvature.mean(dim=0)))
    torch.testing.assert_close(back, torch.eye(12, dtype=torch.float64), atol=0.5 if uneven else 1e-3, rtol=0)


def test_through_the_answers_it_is_the_inverse_of_the_mean() -> None:
    x, penalty, curvature = made(12, 60, uneven=True)
    precondition = Preconditioner(x, penalty)
    precondition.begin(curvature)
    assert precondition.factors is None
    back = precondition(hessian(x, penalty.mean(dim=0), curvature.mean(dim=0)))
    torch.testing.assert_close(back, torch.eye(60, dtype=torch.float64), atol=1e-10, rtol=0)


def test_when_the_mean_did_not_bring_them_home_each_row_has_its_own() -> None:
    x, penalty, curvature = made(60, 12, uneven=True)
    curvature[1] *= torch.arange(60) / 20
    precondition = Preconditioner(x, penalty)
    precondition.begin(curvature)
    precondition.renew(curvature, penalty)
    assert len(precondition.factors) == 1
    precondition.renew(curvature, penalty)
    wanted = torch.stack([hessian(x, p, c)[3] for p, c in zip(penalty, curvature, strict=True)])
    unit = torch.eye(12, dtype=torch.float64)[3]
    torch.testing.assert_close(precondition(wanted), torch.stack([unit, unit]), atol=1e-3, rtol=0)
    precondition.take(torch.tensor([1]))
    torch.testing.assert_close(precondition(wanted[1:]), unit[None], atol=1e-4, rtol=0)
    precondition.begin(curvature)
    assert len(precondition.factors) == 1


def test_factors_of_their_own_are_made_only_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._MOST_OWN", 2 * 12 * 12 - 1)
    x, penalty, curvature = made(60, 12, uneven=True)
    precondition = Preconditioner(x, penalty)
    precondition.begin(curvature)
    for _ in range(3):
        precondition.renew(curvature, penalty)
    assert len(precondition.factors) == 1


def test_it_wears_out_and_is_new_again() -> None:
    x, penalty, curvature = made(12, 60, uneven=True)
    precondition = Preconditioner(x, penalty)
    precondition.begin(curvature)
    left = precondition.left
    assert not precondition.worn
    precondition.use(left - 1)
    assert not precondition.worn
    precondition(x[:1])
    assert precondition.worn
    precondition.renew(curvature, penalty)
    assert precondition.left == left


def test_a_sample_that_does_not_pay_gives_way_to_all_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._NARROW", 5)
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._SAMPLED", 10)
    x, penalty, curvature = made(100, 45, uneven=False)
    precondition = Preconditioner(x, penalty)
    precondition.begin(curvature)
    exact = torch.eye(45, dtype=torch.float64)
    mean = hessian(x, penalty.mean(dim=0), curvature.mean(dim=0))
    assert (precondition(mean) - exact).abs().max() > 0.1
    precondition.use(6)  # more than a ninth of the dimensions in all
    precondition.renew(curvature, penalty)
    torch.testing.assert_close(precondition(mean), exact, atol=1e-3, rtol=0)


def test_a_sample_is_trusted_by_half_so_that_no_direction_is_far_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._NARROW", 5)
    monkeypatch.setattr("truthmap.probes.solver.preconditioner._SAMPLED", 40)
    x, penalty, curvature = made(400, 90, uneven=False)
    spread = {}
    for trusted in (1.0, 0.5):
        monkeypatch.setattr("truthmap.probes.solver.preconditioner._TRUSTED", trusted)
        precondition = Preconditioner(x, penalty)
        precondition.begin(curvature)
        off = torch.linalg.eigvals(precondition(hessian(x, penalty.mean(dim=0), curvature.mean(dim=0)))).real
        spread[trusted] = float(off.max() / off.min())
    assert spread[0.5] < spread[1.0] / 2
