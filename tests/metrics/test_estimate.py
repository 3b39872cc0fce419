"""The one type for a number with its interval."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from truthmap.metrics.estimate import Estimate

SOME = Estimate(value=0.1, low=0.05, high=0.2, n=40)


def test_an_interval_off_zero_says_so() -> None:
    assert SOME.excludes_zero
    assert not Estimate(value=0.1, low=-0.05, high=0.2, n=40).excludes_zero


def test_a_whole_interval_lies_above_another() -> None:
    assert Estimate(value=0.3, low=0.21, high=0.4, n=40).above(SOME)
    assert not Estimate(value=0.3, low=0.2, high=0.4, n=40).above(SOME)


def test_it_reads_as_text() -> None:
    assert (str(SOME), SOME.signed) == ("0.100 [0.050, 0.200]", "+0.100 [+0.050, +0.200]")
    assert (SOME.short, SOME.short_signed) == ("0.10 [0.05, 0.20]", "+0.10 [+0.05, +0.20]")
    nothing = Estimate(value=-0.0004, low=-0.0301, high=-0.0002, n=40)
    assert (nothing.short, nothing.short_signed) == ("0.00 [-0.03, 0.00]", "+0.00 [-0.03, +0.00]")
    assert (str(nothing), nothing.signed) == ("0.000 [-0.030, 0.000]", "+0.000 [-0.030, +0.000]")
    assert SOME.counted == "4 of 40 = 10% [5%, 20%]"
    assert Estimate(value=0.0, low=0.0, high=1.0, n=0).counted == "nothing to go by"


def test_json_gives_it_back() -> None:
    assert Estimate.model_validate_json(SOME.model_dump_json()) == SOME
    with pytest.raises(ValidationError):
        Estimate.model_validate({"auc": 0.9, "low": 0.8, "high": 0.95, "n": 10})
