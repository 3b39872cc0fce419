"""Coverage of the intervals, and the level of the paired test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from simulations.data import Population
from simulations.result import Result, Wanted
from truthmap.metrics import auc_differences, auc_estimate, exact_share_of, holm, share_of, within_auc

_FAIR, _GOOD, _VERY_GOOD = 0.0, 1.2, 2.66  # shifts: AUC 0.5, 0.80, 0.97

POPULATIONS: dict[str, Population] = {
    **{f"{n} independent answers, AUC {auc}": Population(n, shift=shift) for n in (20, 60, 300)
       for auc, shift in (("0.50", _FAIR), ("0.80", _GOOD), ("0.97", _VERY_GOOD))},
    **{f"300 answers, {share:.0%} right, AUC {auc}": Population(300, shift=shift, right=share)
       for share in (0.02, 0.05, 0.9, 0.98) for auc, shift in (("0.50", _FAIR), ("0.90", 1.81))},
    "100 answers, scores of three values": Population(100, shift=_GOOD, levels=3),
    **{f"{groups} questions of {size} answers, AUC {auc}": Population(groups, size, shift)
       for groups, size in ((60, 2), (60, 10), (20, 5), (12, 10), (8, 10))
       for auc, shift in (("0.50", _FAIR), ("0.80", _GOOD), ("0.94", 2.2))},
    "60 questions, each eight times": Population(60, shift=_GOOD, copies=8),
}  # fmt: skip

PAIRS: dict[str, Population] = {
    **{f"{n} independent answers, two like scores": Population(n, shift=_GOOD, rival_shift=_GOOD)
       for n in (20, 60, 300)},
    "60 independent answers, AUC 0.85 against 0.69": Population(60, shift=1.5, rival_shift=0.7),
    "300 answers, 2 % right, two like scores": Population(300, shift=_GOOD, rival_shift=_GOOD, right=0.02),
    "300 answers, 98 % right, two like scores": Population(300, shift=_GOOD, rival_shift=_GOOD, right=0.98),
    "100 answers, scores of three values": Population(100, shift=_GOOD, rival_shift=_GOOD, levels=3),
    "20 independent answers, a constant rival": Population(20, rival_shift=None),
    "300 answers, 3 % right, a constant rival": Population(300, right=0.03, rival_shift=None),
    "60 questions of 8 answers, two like scores": Population(60, 8, _GOOD, rival_shift=_GOOD),
    "20 questions of 5 answers, two like scores": Population(20, 5, _GOOD, rival_shift=_GOOD),
    "10 questions of 10 answers, two like scores": Population(10, 10, _GOOD, rival_shift=_GOOD),
}  # fmt: skip

SHARES: dict[str, Population] = {
    **{f"{n} independent answers, {share:.0%}": Population(n, right=share)
       for n, share in ((20, 0.5), (60, 0.05), (300, 0.02), (300, 0.98))},
    **{f"{groups} questions of {size} answers, {share:.0%}": Population(groups, size, right=share)
       for groups, size, share in ((60, 8, 0.5), (60, 8, 0.1), (20, 5, 0.5), (10, 10, 0.7))},
}  # fmt: skip


def run(draws: int) -> Iterator[Result]:
    """Draw answers so many times from each population."""
    for setting, population in POPULATIONS.items():
        yield Result.of("interval of an AUC", setting, Wanted.COVERAGE, [_auc(population, k) for k in range(draws)])
    for setting, population in PAIRS.items():
        pairs = [_pair(population, k) for k in range(draws)]
        yield Result.of("interval of a difference of AUCs", setting, Wanted.COVERAGE, [held for held, _ in pairs])
        tested = [rejected for _, rejected in pairs if rejected is not None]
        if population.gain == 0 and tested:
            yield Result.of("paired test of two AUCs", setting, Wanted.LEVEL, tested)
    for groups, size, texts in ((300, 1, 12), (60, 6, 12), (40, 6, 4)):
        found = [_within(Population(groups, size, _GOOD), texts, k) for k in range(draws)]
        said = f"{groups} questions of {size} answers" if size > 1 else f"{groups} independent answers"
        yield Result.of("AUC within one answer", f"{said}, {texts} texts", Wanted.COVERAGE, found)
    for setting, population in SHARES.items():
        held = [_share(population, k) for k in range(draws)]
        yield Result.of("share (Wilson)", setting, Wanted.COVERAGE, [wilson for wilson, _ in held])
        yield Result.of("share (exact)", setting, Wanted.COVERAGE, [exact for _, exact in held])
    families = [bool((holm(np.random.default_rng(k).random(12)) <= 0.05).any()) for k in range(draws)]
    yield Result.of("any of several labels (Holm)", "12 tests of nothing", Wanted.LEVEL, families)


def _auc(population: Population, seed: int) -> bool:
    drawn = population.draw(seed)
    found = auc_estimate(drawn.scores, drawn.y, drawn.group)
    return found.low <= population.auc <= found.high


def _pair(population: Population, seed: int) -> tuple[bool, bool | None]:
    drawn = population.draw(seed)
    found = auc_differences(np.stack([drawn.rival, drawn.scores]), drawn.y, 0, drawn.group)
    p_value = found.p_of(1)
    held = bool(found.low[1] <= population.gain <= found.high[1])
    return held, None if p_value is None else p_value <= 0.05


def _within(population: Population, texts: int, seed: int) -> bool:
    """Right answers of every text lie as far above wrong ones; some texts are commoner, some oftener right."""
    drawn = population.draw(seed)
    random = np.random.default_rng([7, seed])
    said = np.minimum(random.geometric(2 / texts, size=len(drawn.y)), texts)
    usual = random.normal(size=texts + 1)[said]
    found = within_auc(drawn.scores + 3 * usual, drawn.y, [str(each) for each in said], drawn.group)
    return found is not None and found.low <= norm.cdf(population.shift / np.sqrt(2)) <= found.high


def _share(population: Population, seed: int) -> tuple[bool, bool]:
    drawn = population.draw(seed)
    wilson, exact = share_of(drawn.y, drawn.group), exact_share_of(drawn.y, drawn.group)
    return wilson.low <= population.right <= wilson.high, exact.low <= population.right <= exact.high
