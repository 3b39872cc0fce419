"""What fitting a cell spends its time on, compiled: a few thin rows against the states.

A BLAS is made for large matrices; a handful of rows against one runs at half its speed or less. These loops take three
rows and four answers at a time, so that each number, once in a register, is used several times. And since no step goes
through Python, cells that are fitted side by side do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from truthmap.arrays import AnyArray

Loop = TypeVar("Loop", bound=Callable[..., Any])

PATIENCE = 150  # steps without a smaller gap: rounding keeps it from falling further
ROUNDING = 1e-6  # of the objective: a smaller rise is none
RIDGE = 1e-5  # relative: directions that are alike but for rounding share what there is to do
MOST_HALVINGS = 20
TINY = float(np.finfo(np.float32).tiny)

_GROUP = 3  # rows that are worked on together
_FACTORS = 32  # of a product: each is at most 2
_PANEL = 8  # rows of a triangle that are solved one by one before the rest is updated


def _compiled(loop: Loop) -> Loop:
    """Compile at the first call, and keep the machine code on disk where there is a place for it."""
    # Sums may be reordered; NaN and infinities keep their meaning.
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz"}}
    try:
        made: Loop = njit(cache=True, **options)(loop)
    except RuntimeError:  # a read-only machine
        made = njit(**options)(loop)
    return made


@_compiled
def scores(weight: AnyArray, x: AnyArray, out: AnyArray) -> None:
    """Multiply weight (B, d) by x (n, d) transposed into out (B, n)."""
    _scores(weight, x, 0, x.shape[0], x.shape[1], out)


@_compiled
def pulled(by_answer: AnyArray, x: AnyArray, out: AnyArray) -> None:
    """Multiply by_answer (B, n) by x (n, d) into out (B, d)."""
    out[:] = 0
    _pull(by_answer, x, 0, x.shape[0], x.shape[1], out)


@_compiled
def solved(factor: AnyArray, target: AnyArray, out: AnyArray) -> None:
    """Solve factor · factorᵀ · out = target for each row; factor (d, d) is lower triangular, the others (B, d)."""
    n_rows, width = target.shape
    back = np.empty_like(target)
    for start in range(0, width, _PANEL):
        stop = min(width, start + _PANEL)
        _scores(out, factor, start, stop, start, out)
        for b in range(n_rows):
            found = out[b]
            for i in range(start, stop):
                line, rest = factor[i], target[b, i] - found[i]
                for j in range(start, i):
                    rest -= line[j] * found[j]
                found[i] = rest / line[i]
    for start in range((width - 1) // _PANEL * _PANEL, -1, -_PANEL):
        stop = min(width, start + _PANEL)
        for b in range(n_rows):
            found = out[b]
            for i in range(stop - 1, start - 1, -1):
                line = factor[i]
                found[i] /= line[i]
                back[b, i] = -found[i]
                for j in range(start, i):
                    found[j] -= found[i] * line[j]
        _pull(back, factor, start, stop, start, out)


@_compiled
def look(x: AnyArray, problem: tuple[AnyArray, ...], place: tuple[AnyArray, ...]) -> None:
    """Find the derivatives and the gap where the rows are; see `descent` for x (n, d), the problem and the place."""
    penalty, y, loss, base = problem
    weight, at, objective, gradient, slope, curvature, gap, waited = place
    for b in range(len(weight)):
        for i in range(len(x)):
            off = 1 / (1 + np.exp(y[b, i] * at[b, i]))
            pull = off * loss[b, i]
            slope[b, i], curvature[b, i] = -y[b, i] * pull, pull - pull * off
    pulled(slope, x, gradient)
    for b in range(len(weight)):
        square, intercept, bend = 0.0, 0.0, 0.0
        for j in range(x.shape[1]):
            gradient[b, j] += penalty[b, j] * weight[b, j]
            square += gradient[b, j] * gradient[b, j] / penalty[b, j]
        for i in range(len(x)):
            intercept += slope[b, i]
            bend += curvature[b, i]
        square += intercept * intercept / max(bend, TINY)
        gap[b] = 0.5 * square / max(base[b] - objective[b], ROUNDING * base[b])
        waited[1, b] = 0 if gap[b] < waited[0, b] else waited[1, b] + 1
        waited[0, b] = min(gap[b], waited[0, b])


@_compiled
def walk(
    x: AnyArray,
    factors: AnyArray,
    problem: tuple[AnyArray, ...],
    place: tuple[AnyArray, ...],
    ways: tuple[AnyArray, AnyArray],
    limits: tuple[int, int, float],
) -> int:
    """Walk until a row has arrived or has lost patience; give the number of steps.

    Args:
        x: (n, d).
        factors: (1, d, d) or (B, d, d), of the preconditioner.
        problem: As in `look`.
        place: As in `look`, changed.
        ways: The directions (B, m, d) and their scores (B, m, n), changed.
        limits: The steps made before, the most to make now, and the gap at which a row has arrived.
    """
    weight, at, _, gradient, slope, curvature, gap, waited = place
    step, moved = np.empty_like(weight), np.empty_like(at)
    before, most, tolerance = limits
    for made in range(before, before + most):
        for b in range(len(factors)):
            rows = slice(0, len(weight)) if len(factors) == 1 else slice(b, b + 1)
            solved(factors[b], gradient[rows], step[rows])
        scores(step, x, moved)
        newest = 1 + made % (ways[0].shape[1] - 1)
        ways[0][:, newest], ways[1][:, newest] = step, moved
        known = min(made + 2, ways[0].shape[1])
        minimize_in_subspace(ways[0], ways[1], known, (weight, problem[0], slope, curvature), (step, moved))
        for b in range(len(weight)):
            _go(b, problem, place, step[b], moved[b])
        ways[0][:, newest], ways[1][:, newest] = step, moved
        look(x, problem, place)
        for b in range(len(weight)):
            if gap[b] <= tolerance or waited[1, b] >= PATIENCE:
                return made + 1 - before
    return most


@_compiled
def _go(b: int, problem: tuple[AnyArray, ...], place: tuple[AnyArray, ...], step: AnyArray, moved: AnyArray) -> None:
    """Go a step with row b, half as far while its objective would rise."""
    penalty, y, loss = problem[0][b], problem[1][b], problem[2][b]
    weight, at, objective = place[0][b], place[1][b], place[2]
    length = weight.dtype.type(1)
    for _ in range(MOST_HALVINGS):
        # A loss is C or 0, so one logarithm, which is dear, does for the product of many terms.
        total, product = 0.0, 1.0
        for i in range(len(at)):
            if loss[i] > 0:
                margin = y[i] * (at[i] + length * moved[i])
                product *= 1.0 + np.exp(-abs(margin))
                total += max(-margin, 0.0)
            if i % _FACTORS == 0:
                total += np.log(product)
                product = 1.0
        total = loss.max() * (total + np.log(product))
        for j in range(len(weight)):
            total += 0.5 * penalty[j] * (weight[j] + length * step[j]) ** 2
        if total <= objective[b] * (1 + ROUNDING):
            break
        length *= weight.dtype.type(0.5)
    objective[b] = total
    weight += length * step
    at += length * moved


@_compiled
def minimize_in_subspace(
    ways: AnyArray, along: AnyArray, known: int, model: tuple[AnyArray, ...], mixed: tuple[AnyArray, AnyArray]
) -> None:
    """Mix the first `known` directions to the step that leads to the lowest point of a quadratic model.

    ways (B, m, d) and along (B, m, n) are the directions and their scores; the model is the weight and the penalty
    (B, d), and the slope and the curvature (B, n); the step goes into mixed, (B, d) and (B, n).
    """
    weight, penalty, slope, curvature = model
    hessian, size, share = np.empty((known, known)), np.empty(known), np.empty(known)
    zero = ways.dtype.type(0)
    for b in range(len(ways)):
        w, p, g, c = weight[b], penalty[b], slope[b], curvature[b]
        for i in range(known):
            way, score, pull = ways[b, i], along[b, i], zero
            for j in range(len(p)):
                pull -= way[j] * p[j] * w[j]
            for j in range(len(c)):
                pull -= score[j] * g[j]
            share[i] = pull
            for k in range(i + 1):
                other, its_score, bend = ways[b, k], along[b, k], zero
                for j in range(len(p)):
                    bend += way[j] * other[j] * p[j]
                for j in range(len(c)):
                    bend += score[j] * its_score[j] * c[j]
                hessian[i, k] = bend
            size[i] = 1 / np.sqrt(max(hessian[i, i], TINY))
        # Directions of length 1, a little ridge, then Cholesky's factor in place.
        for i in range(known):
            for k in range(i + 1):
                entry = hessian[i, k] * size[i] * size[k] + (RIDGE if i == k else 0.0)
                for j in range(k):
                    entry -= hessian[i, j] * hessian[k, j]
                hessian[i, k] = np.sqrt(max(entry, RIDGE)) if i == k else entry / hessian[k, k]
        for i in range(known):
            share[i] *= size[i]
            for j in range(i):
                share[i] -= hessian[i, j] * share[j]
            share[i] /= hessian[i, i]
        for i in range(known - 1, -1, -1):
            for j in range(i + 1, known):
                share[i] -= hessian[j, i] * share[j]
            share[i] /= hessian[i, i]
        for source, target in ((ways[b], mixed[0][b]), (along[b], mixed[1][b])):
            target[:] = 0
            for i in range(known):
                each, part = source[i], ways.dtype.type(share[i] * size[i])
                for j in range(len(target)):
                    target[j] += part * each[j]


@_compiled
def _scores(weight: AnyArray, x: AnyArray, first: int, last: int, width: int, out: AnyArray) -> None:
    """Set out[:, i] to weight · x[i] over the first `width` columns, for i from first to last."""
    n_rows = weight.shape[0]
    in_groups = n_rows - n_rows % _GROUP
    zero = x.dtype.type(0)
    fourth = last - (last - first) % 4
    for i in range(first, fourth, 4):
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        for b in range(0, in_groups, _GROUP):
            w0, w1, w2 = weight[b], weight[b + 1], weight[b + 2]
            a0, a1, a2, a3, b0, b1 = zero, zero, zero, zero, zero, zero
            b2, b3, c0, c1, c2, c3 = zero, zero, zero, zero, zero, zero
            for j in range(width):
                p, q, r, s, u, v, w = x0[j], x1[j], x2[j], x3[j], w0[j], w1[j], w2[j]
                a0, a1, a2, a3 = a0 + p * u, a1 + q * u, a2 + r * u, a3 + s * u
                b0, b1, b2, b3 = b0 + p * v, b1 + q * v, b2 + r * v, b3 + s * v
                c0, c1, c2, c3 = c0 + p * w, c1 + q * w, c2 + r * w, c3 + s * w
            out[b, i], out[b, i + 1], out[b, i + 2], out[b, i + 3] = a0, a1, a2, a3
            out[b + 1, i], out[b + 1, i + 1], out[b + 1, i + 2], out[b + 1, i + 3] = b0, b1, b2, b3
            out[b + 2, i], out[b + 2, i + 1], out[b + 2, i + 2], out[b + 2, i + 3] = c0, c1, c2, c3
        for b in range(in_groups, n_rows):
            w0, a0, a1, a2, a3 = weight[b], zero, zero, zero, zero
            for j in range(width):
                u = w0[j]
                a0, a1, a2, a3 = a0 + x0[j] * u, a1 + x1[j] * u, a2 + x2[j] * u, a3 + x3[j] * u
            out[b, i], out[b, i + 1], out[b, i + 2], out[b, i + 3] = a0, a1, a2, a3
    for i in range(fourth, last):
        x0 = x[i]
        for b in range(n_rows):
            w0, a0 = weight[b], zero
            for j in range(width):
                a0 += x0[j] * w0[j]
            out[b, i] = a0


@_compiled
def _pull(by_answer: AnyArray, x: AnyArray, first: int, last: int, width: int, out: AnyArray) -> None:
    """Add to out the sum of by_answer[:, i] · x[i] over the first `width` columns, for i from first to last."""
    n_rows = by_answer.shape[0]
    in_groups = n_rows - n_rows % _GROUP
    fourth = last - (last - first) % 4
    for i in range(first, fourth, 4):
        x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        for b in range(0, in_groups, _GROUP):
            o0, o1, o2 = out[b], out[b + 1], out[b + 2]
            r0, r1, r2 = by_answer[b, i : i + 4], by_answer[b + 1, i : i + 4], by_answer[b + 2, i : i + 4]
            a0, a1, a2, a3 = r0[0], r0[1], r0[2], r0[3]
            b0, b1, b2, b3 = r1[0], r1[1], r1[2], r1[3]
            c0, c1, c2, c3 = r2[0], r2[1], r2[2], r2[3]
            for j in range(width):
                p, q, r, s = x0[j], x1[j], x2[j], x3[j]
                o0[j] += a0 * p + a1 * q + a2 * r + a3 * s
                o1[j] += b0 * p + b1 * q + b2 * r + b3 * s
                o2[j] += c0 * p + c1 * q + c2 * r + c3 * s
        for b in range(in_groups, n_rows):
            o0, r0 = out[b], by_answer[b, i : i + 4]
            a0, a1, a2, a3 = r0[0], r0[1], r0[2], r0[3]
            for j in range(width):
                o0[j] += a0 * x0[j] + a1 * x1[j] + a2 * x2[j] + a3 * x3[j]
    for i in range(fourth, last):
        x0 = x[i]
        for b in range(n_rows):
            o0, a0 = out[b], by_answer[b, i]
            for j in range(width):
                o0[j] += a0 * x0[j]
