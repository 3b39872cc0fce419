"""The products are those of the matrices, however they are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from truthmap.probes.solver import kernels
from truthmap.probes.solver.products import cholesky, cholesky_solve, compiles, gram, matmul_transpose, transpose_matmul

SIZES = [(1, 1), (2, 3), (5, 4), (9, 17), (30, 8), (41, 23)]


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("n_rows", range(1, 13))
@pytest.mark.parametrize(("n", "d"), SIZES)
def test_products_of_thin_rows_are_the_products(n: int, d: int, n_rows: int) -> None:
    x, weight, by_answer = numbers(n, d), numbers(n_rows, d, seed=1), numbers(n_rows, n, seed=2)
    scores, sums = matmul_transpose(weight, x).double(), transpose_matmul(by_answer, x).double()
    torch.testing.assert_close(scores, weight.double() @ x.double().T, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sums, by_answer.double() @ x.double(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 11])
@pytest.mark.parametrize("d", [1, 2, 7, 8, 9, 16, 35])
def test_a_factor_solves_what_its_matrix_solves(d: int, n_rows: int, dtype: torch.dtype) -> None:
    x, target = numbers(2 * d, d), numbers(n_rows, d, seed=1, dtype=dtype)
    matrix = (x.T @ x + torch.eye(d)).to(dtype)
    factor = cholesky(matrix)
    torch.testing.assert_close(factor.tril(), factor)
    torch.testing.assert_close(factor @ factor.T, matrix, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(cholesky_solve(factor, target) @ matrix, target, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("n", "d"), [*SIZES, (20, 128), (20, 300)])
def test_a_gram_matrix_has_the_products_in_its_lower_triangle(n: int, d: int) -> None:
    x = numbers(n, d)
    torch.testing.assert_close(gram(x).tril(), (x.T @ x).tril(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(gram(x.T).tril(), (x @ x.T).tril(), atol=1e-4, rtol=1e-4)


def test_a_factor_reads_the_lower_triangle_only() -> None:
    matrix = torch.tensor([[4.0, 99.0], [2.0, 5.0]])
    torch.testing.assert_close(cholesky(matrix), torch.tensor([[2.0, 0.0], [1.0, 2.0]]))


def test_a_matrix_that_is_not_positive_definite_is_named() -> None:
    with pytest.raises(torch.linalg.LinAlgError, match="leading minor of order 2 is not positive-definite"):
        cholesky(torch.tensor([[1.0, 0.0], [2.0, 1.0]]))


def test_the_loops_are_for_plain_float32_on_a_cpu() -> None:
    assert compiles(numbers(3, 4))
    assert not compiles(numbers(3, 4).double())
    assert not compiles(numbers(3, 4).T)
    assert not compiles(torch.empty(3, 4, device="meta"))


def test_where_machine_code_cannot_be_kept_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def njit(*, cache: bool = False, **_: Any) -> Callable[[Any], Any]:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda loop: loop

    monkeypatch.setattr(kernels, "njit", njit)
    assert kernels._compiled(sum) is sum
    assert asked == [True, False]
