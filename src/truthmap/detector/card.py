"""The card of a detector: what it reads, what it guarantees and where that ends, made from its config.json alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from truthmap.detector.config import DetectorConfig, HeadConfig
from truthmap.plain_yaml import write_yaml
from truthmap.text import cut, sanitize

CARD = "README.md"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_LONGEST = 200
_LIMITS = """
- It says something of the model named above alone: with other weights, another tokenizer, chat template or dtype it is
  refused when it is loaded.
- P(wrong) and the guarantee hold for answers that come as the test answers did: questions of the same kind, put in the
  same words, answered in the same way. Of any other answer there is a score, and no claim.
- A guarantee bounds the share of wrong answers among the accepted ones, over many answers; it says nothing of one.
- Right and wrong are what the grading rule of the run calls so.
- An answer unlike the training answers is flagged as out of distribution as far as that can be read; that none is
  flagged does not show that all are alike.
""".strip()


def model_card(config: DetectorConfig, name: str) -> str:
    """Return the card as Markdown with its YAML head.

    Names in it come from files and hubs: they are shown as code, in one line, and never as Markdown.

    Args:
        config: The detector.
        name: What it is called on the hub, `owner/name`.
    """
    parts = [*_head(config), *_reads(config), *_measured(config), *_guarantees(config), *_limits(config)]
    return "\n".join([*parts, *_use(name), ""])


def _head(config: DetectorConfig) -> Iterator[str]:
    model = config.model.identity.get("name", "")
    known = {"library_name": "truthmap", "tags": ["truthmap", "error-detection", "calibration", "probing"]}
    base = {"base_model": model, "base_model_relation": "adapter"} if _HUB_NAME.fullmatch(model) else {}
    yield f"---\n{write_yaml({**known, **base})}---\n"
    yield f"# An error detector for {_code(model)}\n"
    yield (
        f"It reads hidden states of {_code(model)} and says how probably an answer is wrong. Made by truthmap "
        f"{_code(config.truthmap)} from answers to {_code(config.training.questions)}.\n"
    )


def _reads(config: DetectorConfig) -> Iterator[str]:
    yield "## What it reads\n"
    yield "| head | cells | site |\n|---|---|---|"
    for head in config.heads:
        cells = ", ".join(f"layer {cell.layer}, {_code(str(cell.position))}" for cell in head.cells)
        yield f"| {head.role} | {cells} | {config.site} |"
    identity = "; ".join(f"{_code(key)} {_code(value)}" for key, value in config.model.identity.items() if value)
    yield f"\nThe model: {identity}.\n"


def _measured(config: DetectorConfig) -> Iterator[str]:
    training = config.training
    yield "## What was measured\n"
    yield (
        f"{training.right} right, {training.wrong} wrong and {training.unscored} unscored answers; exact answers were "
        f"found in {training.found_right:.0%} of the right and {training.found_wrong:.0%} of the wrong ones. The "
        "numbers are those of the test part, on which nothing was chosen.\n"
    )
    yield "| head | AUC | calibration error (by chance) | flagged as out of distribution |\n|---|---|---|---|"
    yield from map(_row, config.heads)
    text = training.text_baseline
    if text is not None:
        yield f"\nThe best reader of words alone: AUC {text.test}.\n"
    yield ""


def _row(head: HeadConfig) -> str:
    error = head.reliability
    errors = f"{error.expected_calibration_error:.3f} ({error.chance_calibration_error:.3f})"
    return f"| {head.role} | {head.test} ({head.test.n} answers) | {errors} | {head.ood.false_alarms.value:.1%} |"


def _guarantees(config: DetectorConfig) -> Iterator[str]:
    yield "## What is guaranteed\n"
    yield f"About {config.asking.answers.described}. {_line(config.guarantee_sentence)}.\n"
    yield "| claim | holds | coverage |\n|---|---|---|"
    for each in config.heads[0].guarantees:
        covered = f"{each.coverage:.0%} of {each.n_answers} test answers" if each.holds else "–"
        yield f"| {_line(each.claim)} | {'yes' if each.holds else 'no'} | {covered} |"
    yield ""


def _limits(config: DetectorConfig) -> Iterator[str]:
    yield "## Where that ends\n"
    yield _LIMITS
    yield from (f"- {_line(warning)}." for warning in config.warnings)
    yield ""


def _use(name: str) -> Iterator[str]:
    yield "## Use\n"
    yield (
        "```python\nfrom truthmap import load_detector\n\n"
        f'verdict = load_detector("{name}").ask("…")\nprint(verdict.headline, verdict.p_wrong)\n```\n'
    )
    yield f'On the command line: `truthmap ask {name} "…"`, `truthmap serve {name}`.'


def _line(text: str) -> str:
    """Return a text in one line in which nothing is Markdown or HTML."""
    plain = cut(sanitize(" ".join(text.split())), 5 * _LONGEST)
    return re.sub(r"([\\`*_{}\[\]<>|#!~])", r"\\\1", plain)


def _code(text: str) -> str:
    """Return a text from outside as code, in one line."""
    plain = cut(sanitize(" ".join(text.split())), _LONGEST).replace("`", "'").replace("|", "¦")
    return f"`{plain or '–'}`"
