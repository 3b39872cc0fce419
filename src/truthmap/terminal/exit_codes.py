"""What the command line ends with: one table, which docs/commands/exit-codes.md is made from."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended.

    Attributes:
        meaning: What that means, in a sentence without its end.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        """Return a member with its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DONE = 0, "all is done, and nothing is wrong"
    FOUND = 1, "done, and what was looked at is bad: rows (`questions`, `import`), parts (`verify`), laws (`doctor`)"
    FAULT = 2, "it cannot be done: the line on standard error says what was expected, what came, and what to do"
    PARTIAL = 3, "a part failed for good (shards, questions): it is named, all else is done and kept"
    BUG = 70, "a fault of truthmap's own: the lines on standard error belong into a report of it"
    INTERRUPTED = 130, "stopped by Ctrl-C: the same command goes on where it stopped"
    NO_READER = 141, "whoever read standard output closed it, as `| head` does: what was not read is not written"
    TERMINATED = 143, "stopped by SIGTERM: the same command goes on where it stopped"
