"""A detector in words: on a line, and as facts."""

from __future__ import annotations

from collections.abc import Sequence

from truthmap.detector.config import DetectorConfig
from truthmap.grading.kinds import needs_locator
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
        ("verdict", verdict_stands(config)),
        *(("note", warning) for warning in config.warnings),
    ]
    return [(f"Detector of wrong answers: {_whose(config)}", ("", ""), facts)]


def verdict_stands(config: DetectorConfig) -> str:
    """Say when there is a verdict on an answer that is being written."""
    late = dict.fromkeys(str(cell.position) for cell in config.heads[0].cells if not cell.position.known_early)
    if late:
        return f"when the answer is complete: where {', '.join(late)} stands is not known before"
    if needs_locator(config.asking.task):
        return "when the answer is complete: a model finds the exact answer then"
    return "as soon as the exact answer closes, while the answer goes on"


def _whose(config: DetectorConfig) -> str:
    return f"{config.model.identity.get('name', 'a model')} on {config.training.questions}"


def _reads(config: DetectorConfig) -> str:
    return " + ".join(f"layer {cell.layer}, {cell.position}" for cell in config.heads[0].cells)
