"""A preconditioner is close to the inverse of the rows' Hessian, whichever way it is made."""

from __future__ import annotations

import pytest
import torch

from truthmap.probes.precondition import Preconditioner, symmetric_product


def hessian(x: torch.Tensor, penalty: torch.Tensor, curvature: torch.Tensor) -> torch.Tensor:
    return torch.diag(penalty) + x.T @ (x * curvature[:, None])


def made(n: int, d: int, uneven: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    states = torch.randn(n, d, generator=generator, dtype=torch.float64)
    x = torch.cat([states - states.mean(dim=0), torch.ones(n, 1, dtype=torch.float64)], dim=1)
    penalty = torch.cat([torch.rand(d, generator=generator, dtype=torch.float64) + 0.5, torch.zeros(1)])
    curvature = torch.rand(n, generator=generator, dtype=torch.float64) * 0.2 if uneven else torch.full((n,), 0.2)
    return x, penalty, curvature.double()


@pytest.mark.parametrize("uneven", [False, True])
def test_through_the_dimensions_it_is_the_inverse(uneven: bool) -> None:
    x, penalty, curvature = made(60, 12, uneven)
    precondition = Preconditioner(x, penalty)
    precondition.make(curvature)
    back = precondition(hessian(x, penalty, curvature))
    torch.testing.assert_close(back, torch.eye(13, dtype=torch.float64), atol=0.5 if uneven else 1e-4, rtol=0)


def test_through_the_answers_it_is_the_inverse_but_for_the_intercept() -> None:
    x, penalty, curvature = made(12, 60, uneven=True)
    precondition = Preconditioner(x, penalty)
    precondition.make(curvature)
    back = precondition(hessian(x, penalty, curvature)[:-1])
    torch.testing.assert_close(back[:, :-1], torch.eye(60, dtype=torch.float64), atol=1e-10, rtol=0)


def test_it_wears_out_and_is_new_again() -> None:
    x, penalty, curvature = made(12, 60, uneven=True)
    precondition = Preconditioner(x, penalty)
    precondition.make(curvature)
    assert not precondition.worn
    for _ in range(4):
        precondition(x[:1])
    assert precondition.worn
    precondition.make(curvature)
    assert not precondition.worn


def test_a_sample_of_the_answers_gives_way_to_all_of_them_when_it_does_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truthmap.probes.precondition._NARROW", 5)
    monkeypatch.setattr("truthmap.probes.precondition._SAMPLED", 10)
    x, penalty, curvature = made(100, 45, uneven=False)
    precondition = Preconditioner(x, penalty)
    precondition.make(curvature)
    exact = torch.eye(46, dtype=torch.float64)
    assert (precondition(hessian(x, penalty, curvature)) - exact).abs().max() > 0.1
    for _ in range(3):  # more than d / 15 uses in all
        precondition(x[:1])
    precondition.make(curvature)
    torch.testing.assert_close(precondition(hessian(x, penalty, curvature)), exact, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13])
def test_a_symmetric_product_is_the_product(size: int) -> None:
    left = torch.randn(size, 7, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    torch.testing.assert_close(symmetric_product(left, left.T), left @ left.T)
