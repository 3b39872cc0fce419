"""The one type for a number with its interval."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Estimate(BaseModel):
    """A number with its 95 % interval, and the n answers (or pairs, or questions) that it rests on.

    It stands in records as it is, and reads as text in the forms below.

    >>> str(Estimate(value=0.9012, low=0.862, high=0.93, n=150))
    '0.901 [0.862, 0.930]'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return self._text(3)

    @property
    def signed(self) -> str:
        """The text of a difference: with signs."""
        return self._text(3, "+")

    @property
    def short(self) -> str:
        """The text with two decimals, for wide tables."""
        return self._text(2)

    @property
    def short_signed(self) -> str:
        """The text of a difference with two decimals."""
        return self._text(2, "+")

    def _text(self, digits: int, sign: str = "") -> str:
        # Adding nothing takes the sign off a zero: what is rounded to "-0.00" is none.
        ends = (round(each, digits) + 0.0 for each in (self.value, self.low, self.high))
        value, low, high = (f"{each:{sign}.{digits}f}" for each in ends)
        return f"{value} [{low}, {high}]"

    @property
    def counted(self) -> str:
        """The text of a share, with what was counted.

        >>> Estimate(value=0.06, low=0.0125, high=0.1655, n=50).counted
        '3 of 50 = 6% [1%, 17%]'
        """
        if not self.n:
            return "nothing to go by"
        return f"{round(self.value * self.n)} of {self.n} = {self.value:.0%} [{self.low:.0%}, {self.high:.0%}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def above(self, other: Estimate) -> bool:
        """Tell whether the whole interval lies above the other's."""
        return self.low > other.high
