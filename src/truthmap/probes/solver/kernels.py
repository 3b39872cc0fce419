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
from truthmap.probes.solver.kernel_types import ProblemArrays, StateArrays, StepLimits

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
def matmul_transpose(weight: AnyArray, x: AnyArray, out: AnyArray) -> None:
    """Multiply weight (B, d) by x (n, d) transposed into out (B, n): the scores of rows of weights."""
    _set_scores(weight, x, 0, x.shape[0], x.shape[1], out)


@_compiled
def transpose_matmul(by_answer: AnyArray, x: AnyArray, out: AnyArray) -> None:
    """Multiply by_answer (B, n) by x (n, d) into out (B, d)."""
    out[:] = 0
    _add_sums(by_answer, x, 0, x.shape[0], x.shape[1], out)


@_compiled
def cholesky_solve(factor: AnyArray, target: AnyArray, out: AnyArray) -> None:
    """Solve factor · factorᵀ · out = target for each row; factor (d, d) is lower triangular, the others (B, d)."""
    n_rows, width = target.shape
    back = np.empty_like(target)
    for start in range(0, width, _PANEL):
        stop = min(width, start + _PANEL)
        _set_scores(out, factor, start, stop, start, out)
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
        _add_sums(back, factor, start, stop, start, out)


@_compiled
def evaluate(x: AnyArray, problem: ProblemArrays, state: StateArrays) -> None:
    """Find the derivatives and the gap where the rows are: x (n, d)."""
    penalty, y, loss = problem.penalty, problem.y, problem.loss
    weight, gradient, slope, curvature = state.weight, state.gradient, state.slope, state.curvature
    for b in range(len(weight)):
        for i in range(len(x)):
            p_wrong = 1 / (1 + np.exp(y[b, i] * state.scores[b, i]))
            rate = p_wrong * loss[b, i]
            slope[b, i], curvature[b, i] = -y[b, i] * rate, rate - rate * p_wrong
    transpose_matmul(slope, x, gradient)
    for b in range(len(weight)):
        square, intercept, bend = 0.0, 0.0, 0.0
        for j in range(x.shape[1]):
            gradient[b, j] += penalty[b, j] * weight[b, j]
            square += gradient[b, j] * gradient[b, j] / penalty[b, j]
        for i in range(len(x)):
            intercept += slope[b, i]
            bend += curvature[b, i]
        square += intercept * intercept / max(bend, TINY)
        state.gap[b] = 0.5 * square / max(problem.base[b] - state.objective[b], ROUNDING * problem.base[b])
        state.stalled[b] = 0 if state.gap[b] < state.least_gap[b] else state.stalled[b] + 1
        state.least_gap[b] = min(state.gap[b], state.least_gap[b])


@_compiled
def run_steps(x: AnyArray, factors: AnyArray, problem: ProblemArrays, state: StateArrays, limits: StepLimits) -> int:
    """Make steps until a row has converged or has stalled for too long; return how many were made.

    Args:
        x: (n, d).
        factors: (1, d, d) or (B, d, d), of the preconditioner.
        problem: The rows' problems.
        state: Where they are, changed.
        limits: When to stop.
    """
    weight, directions, direction_scores = state.weight, state.directions, state.direction_scores
    step, step_scores = np.empty_like(weight), np.empty_like(state.scores)
    for made in range(limits.made, limits.made + limits.most):
        for b in range(len(factors)):
            rows = slice(0, len(weight)) if len(factors) == 1 else slice(b, b + 1)
            cholesky_solve(factors[b], state.gradient[rows], step[rows])
        matmul_transpose(step, x, step_scores)
        newest = 1 + made % (directions.shape[1] - 1)
        directions[:, newest], direction_scores[:, newest] = step, step_scores
        known = min(made + 2, directions.shape[1])
        minimize_in_subspace(known, problem.penalty, state, step, step_scores)
        for b in range(len(weight)):
            _line_search(b, problem, state, step[b], step_scores[b])
        directions[:, newest], direction_scores[:, newest] = step, step_scores
        evaluate(x, problem, state)
        for b in range(len(weight)):
            if state.gap[b] <= limits.tolerance or state.stalled[b] >= PATIENCE:
                return made + 1 - limits.made
    return limits.most


@_compiled
def _line_search(b: int, problem: ProblemArrays, state: StateArrays, step: AnyArray, step_scores: AnyArray) -> None:
    """Go a step with row b, half as far while its objective would rise."""
    penalty, y, loss = problem.penalty[b], problem.y[b], problem.loss[b]
    weight, scores = state.weight[b], state.scores[b]
    length = weight.dtype.type(1)
    for _ in range(MOST_HALVINGS):
        # A loss is C or 0, so one logarithm, which is dear, does for the product of many terms.
        total, product = 0.0, 1.0
        for i in range(len(scores)):
            if loss[i] > 0:
                margin = y[i] * (scores[i] + length * step_scores[i])
                product *= 1.0 + np.exp(-abs(margin))
                total += max(-margin, 0.0)
            if i % _FACTORS == 0:
                total += np.log(product)
                product = 1.0
        total = loss.max() * (total + np.log(product))
        for j in range(len(weight)):
            total += 0.5 * penalty[j] * (weight[j] + length * step[j]) ** 2
        if total <= state.objective[b] * (1 + ROUNDING):
            break
        length *= weight.dtype.type(0.5)
    state.objective[b] = total
    weight += length * step
    scores += length * step_scores


@_compiled
def minimize_in_subspace(
    known: int, penalty: AnyArray, state: StateArrays, step: AnyArray, step_scores: AnyArray
) -> None:
    """Mix the first `known` directions to the step that leads to the lowest point of the quadratic model.

    The directions and the model are the state's; penalty is (B, d), and the step goes into step (B, d), its scores into
    step_scores (B, n).
    """
    directions, direction_scores = state.directions, state.direction_scores
    hessian, scale, coefficient = np.empty((known, known)), np.empty(known), np.empty(known)
    zero = directions.dtype.type(0)
    for b in range(len(directions)):
        w, p, g, c = state.weight[b], penalty[b], state.slope[b], state.curvature[b]
        for i in range(known):
            direction, scores, descent = directions[b, i], direction_scores[b, i], zero
            for j in range(len(p)):
                descent -= direction[j] * p[j] * w[j]
            for j in range(len(c)):
                descent -= scores[j] * g[j]
            coefficient[i] = descent
            for k in range(i + 1):
                other, other_scores, bend = directions[b, k], direction_scores[b, k], zero
                for j in range(len(p)):
                    bend += direction[j] * other[j] * p[j]
                for j in range(len(c)):
                    bend += scores[j] * other_scores[j] * c[j]
                hessian[i, k] = bend
            scale[i] = 1 / np.sqrt(max(hessian[i, i], TINY))
        # Directions of length 1, a little ridge, then Cholesky's factor in place.
        for i in range(known):
            for k in range(i + 1):
                entry = hessian[i, k] * scale[i] * scale[k] + (RIDGE if i == k else 0.0)
                for j in range(k):
                    entry -= hessian[i, j] * hessian[k, j]
                hessian[i, k] = np.sqrt(max(entry, RIDGE)) if i == k else entry / hessian[k, k]
        for i in range(known):
            coefficient[i] *= scale[i]
            for j in range(i):
                coefficient[i] -= hessian[i, j] * coefficient[j]
            coefficient[i] /= hessian[i, i]
        for i in range(known - 1, -1, -1):
            for j in range(i + 1, known):
                coefficient[i] -= hessian[j, i] * coefficient[j]
            coefficient[i] /= hessian[i, i]
        for source, target in ((directions[b], step[b]), (direction_scores[b], step_scores[b])):
            target[:] = 0
            for i in range(known):
                each, part = source[i], directions.dtype.type(coefficient[i] * scale[i])
                for j in range(len(target)):
                    target[j] += part * each[j]


@_compiled
def _set_scores(weight: AnyArray, x: AnyArray, first: int, last: int, width: int, out: AnyArray) -> None:
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
def _add_sums(by_answer: AnyArray, x: AnyArray, first: int, last: int, width: int, out: AnyArray) -> None:
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
