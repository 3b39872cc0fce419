"""Confidence intervals of shares that were counted: Wilson's, and the exact ones of Clopper and Pearson."""

from __future__ import annotations

import numpy as np
import scipy  # loads `special` only when one is asked for: a map is drawn without it

from truthmap.arrays import Bools, Floats, Ints
from truthmap.metrics.clusters import Groups, effective_groups, group_numbers
from truthmap.metrics.estimate import Estimate

CONFIDENCE = 0.95


def wilson(hits: Ints | Floats, n: Ints | Floats, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's score interval (JASA 1927) of shares hits / n, each of the arrays' shape."""
    z = float(scipy.special.ndtri((1 + confidence) / 2))
    share = hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def exact_share(hits: int, n: int) -> Estimate:
    """Return a share with its exact 95 % interval (Clopper and Pearson 1934); a share of nothing is 0, and may be all.

    >>> str(exact_share(0, 10))
    '0.000 [0.000, 0.308]'
    """
    each_side = (1 + CONFIDENCE) / 2
    return Estimate(
        value=hits / n if n else 0.0,
        low=exact_lower_bound(hits, n, each_side),
        high=exact_upper_bound(hits, n, each_side),
        n=n,
    )


def exact_lower_bound(hits: float, n: float, confidence: float) -> float:
    """Return the exact one-sided lower confidence bound of a share (Clopper and Pearson 1934)."""
    return 0.0 if hits == 0 else float(scipy.special.betaincinv(hits, n - hits + 1, 1 - confidence))


def exact_upper_bound(hits: float, n: float, confidence: float) -> float:
    """Return the exact one-sided upper confidence bound of a share (Clopper and Pearson 1934)."""
    return 1.0 if hits >= n else float(scipy.special.betaincinv(hits + 1, n - hits, confidence))


def binomial_cdf(hits: Ints | Floats, n: Ints | Floats, share: float) -> Floats:
    """Return the chance of at most so many hits in n independent tries, each a hit with this chance: float64."""
    # Not SciPy's `binom`, which takes a second to load: the same incomplete beta function.
    some = np.asarray(hits < n)
    left = np.where(some, n - hits, 1.0)
    return np.where(some, scipy.special.betainc(left, np.asarray(hits) + 1.0, 1 - share), 1.0)


def share_of(values: Bools | Floats, group: Groups = None) -> Estimate:
    """Return the mean of values in [0, 1], (n,), as of hits, with Wilson's 95 % interval, by what belongs together.

    >>> str(share_of(np.array([True, False] * 5)))
    '0.500 [0.237, 0.763]'
    """
    n = effective_size(values, group)
    low, high = wilson(np.array(values.mean() * n), np.array(n))
    return Estimate(value=float(values.mean()), low=float(low), high=float(high), n=len(values))


def exact_share_of(hits: Bools | Floats, group: Groups = None) -> Estimate:
    """Return the share of hits (n,) with the interval of Clopper and Pearson, at the size that groups are worth.

    For grouped answers this is the interval of Korn and Graubard (Survey Methodology 1998), and so it is for values in
    [0, 1] that are shares themselves; a share of nothing is 0, and may be all.
    """
    if not len(hits):
        return exact_share(0, 0)
    n, share = effective_size(hits, group), float(hits.mean())
    each_side = (1 + CONFIDENCE) / 2
    low, high = exact_lower_bound(share * n, n, each_side), exact_upper_bound(share * n, n, each_side)
    return Estimate(value=share, low=low, high=high, n=len(hits))


def effective_size(values: Bools | Floats, group: Groups = None) -> float:
    """Return how many independent hits and misses would tell as much of the mean of values in [0, 1] as these do.

    The sampling variance is that of the groups' sums; what it says of few groups, or of a mean near 0 or 1, is mixed
    with what groups of hits and misses that are all alike would give. Student's t with one degree fewer than there are
    groups takes the place of the normal quantile (Korn and Graubard 1998). It is n for hits and misses that stand for
    themselves, and never more than that for any.
    """
    n, number = len(values), group_numbers(group, len(values))
    counted = bool(np.isin(values, (0, 1)).all())
    groups = effective_groups(number)
    if counted and groups == n:
        return float(n)
    if groups <= 1:
        return 1.0
    share = float(values.mean())
    terms = np.bincount(number, weights=(values - share) / n)
    guess = (share * groups + 0.5) / (groups + 1)
    alike, guess = share * (1 - share) / groups, guess * (1 - guess) / groups**2
    ratio = (np.square(terms).sum() * groups / (groups - 1) + guess) / (alike + guess)
    quantile = scipy.special.ndtri((1 + CONFIDENCE) / 2) / scipy.special.stdtrit(groups - 1, (1 + CONFIDENCE) / 2)
    size = float(groups / ratio * quantile**2)
    return min(size, n) if counted else size
