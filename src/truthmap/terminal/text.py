"""Untrusted text on a terminal: control characters are shown, not sent."""

from __future__ import annotations

from rich.text import Text


def printable(text: str, longest: int | None = None) -> str:
    r"""Return a text in one line in which nothing moves the cursor or changes a colour; a long one is cut.

    >>> printable("a\x1b[31mb\nc")
    'a�[31mb c'
    """
    line = " ".join(text.split())
    shown = "".join(character if character.isprintable() else "�" for character in line)
    return shown if longest is None or len(shown) <= longest else shown[: longest - 1] + "…"


def plain(text: str, longest: int | None = None) -> Text:
    """Return a text for rich, as it is: square brackets in it are no markup."""
    return Text(printable(text, longest))
