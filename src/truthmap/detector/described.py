"""A detector in words: on a line, and as facts."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.detector.config import DetectorConfig
from truthmap.shown import TextTable


def headline_of(config: DetectorConfig) -> str:
    """Return whose detector it is, where it reads, and how well: on one line."""
    return f"{_whose(config)}: {_reads(config)}, AUC {config.heads[0].test} on test"


def tables_of(config: DetectorConfig) -> Sequence[TextTable]:
    """Return what it reads, what it learned from, and what it guarantees, as facts."""
    training, first = config.training, config.heads[0]
    facts = [
        ("reads", f"{_reads(config)} ({config.site})"),
        ("AUC on test", f"{first.test} ({first.test.n:,} answers)"),
        ("learned from", f"{training.right:,} right and {training.wrong:,} wrong answers"),
        ("guarantee", config.guarantee_sentence),
        ("holds for", config.asking.answers.described),
        *(("note", warning) for warning in config.warnings),
    ]
    return [(f"Detector of wrong answers: {_whose(config)}", ("", ""), facts)]


def _whose(config: DetectorConfig) -> str:
    return f"{config.model.identity.get('name', 'a model')} on {config.training.questions}"


def _reads(config: DetectorConfig) -> str:
    return " + ".join(f"layer {cell.layer}, {cell.position}" for cell in config.heads[0].cells)
