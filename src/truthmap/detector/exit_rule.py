"""When a thought is closed while it is written: at a P(right) that is asked for, or at the guaranteed ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from truthmap.detector.exit_guarantee import ExitConfig
from truthmap.errors import UsageError

GUARANTEED: Final = "guaranteed"
EarlyExitAt = float | Literal["guaranteed"]
"""P(right) from which on a thought is ended, or: as the sealed guarantees have it."""


@dataclass(frozen=True)
class ExitRule:
    """When a thought is closed.

    Attributes:
        end: P(right) from which on it is ended; `None`: it never is.
        tokens: At which tokens of it that is asked, from 0; `None`: at each.
        named: It is ended only once it has named an answer.
        give_up: P(right) that must have been read somewhere up to the token `give_up_at`, else it is given up; `None`:
            it never is.
        give_up_at: That token.
    """

    end: float | None
    tokens: tuple[int, ...] | None = None
    named: bool = False
    give_up: float | None = None
    give_up_at: int = 0

    @classmethod
    def of(cls, asked: EarlyExitAt | None, sealed: ExitConfig | None) -> ExitRule | None:
        """Return the rule that was asked for; `None`: thoughts are left alone.

        Raises:
            UsageError: the guaranteed rule was asked for, and the detector has none; says why and what to do.
        """
        if asked is None:
            return None
        if asked != GUARANTEED:
            return cls(float(asked))
        if sealed is None:
            raise UsageError(
                "this detector has no guarantee for ending thoughts early: seal one from a run with --positions "
                "along_thought, whose answers a rule grades, or give a P(right), as --early-exit 0.9"
            )
        if sealed.end.threshold is None and sealed.give_up.threshold is None:
            raise UsageError(
                f"this detector ends no thought under a guarantee ({sealed.end.sentence}; {sealed.give_up.sentence}): "
                "seal one from more questions, or give a P(right), as --early-exit 0.9"
            )
        return cls(sealed.end.threshold, sealed.tokens, True, sealed.give_up.threshold, sealed.give_up_at)


def early_exit_at(text: str | None) -> EarlyExitAt | None:
    """Read what was asked for: a P(right), or `guaranteed`.

    Raises:
        UsageError: it is neither.
    """
    if text is None or text == GUARANTEED:
        return None if text is None else GUARANTEED
    try:
        asked = float(text)
    except ValueError:
        asked = -1.0
    if not 0 <= asked <= 1:
        raise UsageError(f"--early-exit {text!r}: expected a P(right) from 0 to 1, or {GUARANTEED}")
    return asked


class ExitWatch:
    """Watches one thought while it is written, and says when it is closed.

    Attributes:
        ended: It has been read surely enough.
        gave_up: It has been given up.
    """

    def __init__(self, rule: ExitRule) -> None:
        self.ended = self.gave_up = False
        self._rule = rule
        self._next, self._highest = 0, 0.0

    @property
    def closes(self) -> bool:
        """Whether the thought is to be closed."""
        return self.ended or self.gave_up

    def take(self, p_right: float, *, named: Callable[[], bool]) -> None:
        """Take in what was read at the thought's next token.

        Args:
            p_right: P(right) there.
            named: Tells whether the thought has named an answer by then.
        """
        rule = self._rule
        if self.closes:
            return
        token, self._next = self._next, self._next + 1
        if rule.tokens is not None and token not in rule.tokens:
            return
        self._highest = max(self._highest, p_right)
        self.ended = rule.end is not None and p_right >= rule.end and (not rule.named or named())
        if not self.ended and rule.give_up is not None and token == rule.give_up_at:
            self.gave_up = self._highest < rule.give_up
