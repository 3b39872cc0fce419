"""What was taken from the log of an evaluation tool, for whoever reads along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LogFacts:
    """What was taken from a log.

    Attributes:
        tool: The tool that wrote it.
        became: Field of a question → what of the log it was taken from.
        differences: What cannot be known from the log of how the questions were asked, a sentence each.
    """

    tool: str
    became: Mapping[str, str]
    differences: tuple[str, ...]
