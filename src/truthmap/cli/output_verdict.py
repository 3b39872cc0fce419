"""How a detector, its verdicts and its forecasts look in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from truthmap.answer_parts import final_answer, in_final, thought_text
from truthmap.detector.caveats import Caveat
from truthmap.detector.config import DetectorConfig, Role
from truthmap.detector.described import verdict_stands
from truthmap.detector.verdict import PromptForecast, Verdict
from truthmap.terminal.output import print_lines, terminal
from truthmap.text import sanitize

_STYLE = {"✓": "bold green", "~": "bold yellow", "✗": "bold red", "?": "bold yellow"}
_SHOWN = 3


@dataclass(frozen=True)
class SealedDetector:
    """A detector that was sealed, with all that its config.json says.

    Attributes:
        folder: Where it is.
        config: What it is.
        pushed: What it is called on the hub, `owner/name@commit`; `None`: it was not pushed.
    """

    folder: str
    config: DetectorConfig
    pushed: str | None = None


def print_detector(config: DetectorConfig, folder: str, pushed: str | None = None) -> None:
    """Print what was sealed, in lines that a narrow terminal holds."""
    console = terminal()
    console.print(Text(f"Detector for {config.model.identity['name']} from {config.training.questions}", "bold"))
    for head in config.heads:
        cells = ", ".join(f"layer {cell.layer} {cell.position}" for cell in head.cells)
        error = head.reliability
        console.print(Text(f"{head.role}: {cells} ({config.site})"))
        console.print(Text(f"  AUC {head.test} on the {head.test.n} test answers that have it"))
        console.print(
            Text(
                f"  P(wrong) by {head.calibration.method}: calibration error {error.expected_calibration_error:.3f} "
                f"(by chance {error.chance_calibration_error:.3f})"
            )
        )
        console.print(Text(f"  {head.ood.false_alarms.value:.1%} of the test answers flagged as out of distribution"))
    console.print(Text(f"A verdict stands {verdict_stands(config)}"))
    console.print(Text(f"Guarantees, about {config.asking.answers.described}", "bold"))
    for guarantee in config.heads[0].guarantees:
        sign, colour = ("✓", "green") if guarantee.holds else ("–", "yellow")
        console.print(Text(f"{sign} {guarantee.claim}", colour))
        covered = f"coverage {guarantee.coverage:.0%} of all {guarantee.n_answers} test answers"
        result = covered if guarantee.holds else "not guaranteed"
        console.print(Text(f"  {result}: {guarantee.why}"))
    if config.early_exit is not None:
        console.print(Text("Ending thoughts early (--early-exit guaranteed)", "bold"))
        for found in (config.early_exit.end, config.early_exit.give_up):
            sign, colour = ("–", "yellow") if found.threshold is None else ("✓", "green")
            console.print(Text(f"{sign} {found.sentence}", colour))
    for warning in config.warnings:
        console.print(Text(f"Note: {warning}.", "yellow"))
    console.print(Text(f'Sealed in {folder}; ask it with: truthmap ask {folder} "…"'), soft_wrap=True)
    if pushed is not None:
        console.print(Text(f'On the hub: truthmap ask {pushed} "…"'), soft_wrap=True)


def print_verdict(config: DetectorConfig, verdict: Verdict, end: Sequence[str] = ()) -> None:
    """Print an answer, its exact answer between marks, how far to trust it, and the lines of `end`."""
    console = terminal()
    console.print(_answer(verdict), soft_wrap=True)
    console.print()
    sign = _sign(verdict)
    heading = Text(f"{sign} {verdict.headline}", style=_STYLE[sign])
    if verdict.p_wrong is not None:
        heading.append(f"   P(wrong) = {verdict.p_wrong:.2f}", style="not bold default")
    console.print(heading)
    console.print(Text(_as_sentence(verdict.explanation)))
    if verdict.p_wrong is None and verdict.score is not None:
        where = "" if verdict.role is Role.ANSWER else f" at {_positions(config, verdict.role)}"
        console.print(
            Text(f"Score {verdict.score:+.2f}{where}: log-odds that it is right, not calibrated for such answers.")
        )
    if verdict.p_wrong_before is not None:
        console.print(Text(f"Before answering: P(wrong) = {verdict.p_wrong_before:.2f}."))
    _print_similar(console, verdict)
    if Caveat.OUT_OF_DISTRIBUTION in verdict.caveats and verdict.role is not None:
        console.print(Text(_out_of_distribution(config, verdict.role, "answers", verdict.distance), style="yellow"))
    elif Caveat.QUESTION_OUT_OF_DISTRIBUTION in verdict.caveats:
        console.print(Text(_out_of_distribution(config, Role.BEFORE, "questions"), style="yellow"))
    print_lines(end)


def print_forecast(config: DetectorConfig, forecast: PromptForecast, end: Sequence[str] = ()) -> None:
    """Print what is expected before an answer token is generated, and the lines of `end`."""
    console = terminal()
    if forecast.p_wrong is None:
        labels = ", ".join(caveat.label for caveat in forecast.caveats)
        console.print(Text(f"Before answering: nothing is claimed: {labels}"))
    else:
        expected = "it probably knows" if forecast.p_wrong < 0.5 else "it probably does not know"
        console.print(Text(f"Before answering: P(wrong) = {forecast.p_wrong:.2f}: {expected}"))
    console.print(Text(_as_sentence(forecast.explanation)))
    if forecast.out_of_distribution:
        console.print(Text(_out_of_distribution(config, Role.BEFORE, "questions", forecast.distance), style="yellow"))
    print_lines(end)


def _sign(verdict: Verdict) -> str:
    if verdict.trusted is None:
        return "?"
    return "✗" if not verdict.trusted else "✓" if verdict.guarantee else "~"


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _print_similar(console: Console, verdict: Verdict) -> None:
    """Print the nearest training answers; how many of them are right says something of a claim only."""
    if not verdict.similar:
        return
    n, right = len(verdict.similar), sum(record.right for record in verdict.similar)
    told = f"Of the {n} most similar training answers {right} were right, among them:"
    console.print(Text("The most similar training answers:" if verdict.trusted is None else told))
    for record in verdict.similar[:_SHOWN]:
        mark = "right" if record.right else "wrong"
        console.print(Text(f"  {sanitize(record.question)} – {sanitize(record.exact_answer) or '(none)'} ({mark})"))


def _positions(config: DetectorConfig, role: Role | None) -> str:
    head = None if role is None else config.head(role)
    return "" if head is None else ", ".join(str(cell.position) for cell in head.cells)


def _answer(verdict: Verdict) -> Text:
    """Return the answer's text with the exact answer in ⟦ ⟧ and underlined, below its thought."""
    answer = final_answer(verdict.answer)
    text, span = answer.text, in_final(verdict.answer, verdict.exact_answer)
    thought = thought_text(verdict.answer)
    shown = Text() if thought is None else Text(f"{sanitize(thought).strip()}\n\n", style="dim")
    if span is None:
        return shown.append(sanitize(text).strip() or "(no answer)", style="not dim")
    shown.append(sanitize(text[: span.start]).lstrip())
    shown.append(f"⟦{sanitize(text[span.start : span.end])}⟧", style="bold underline")
    shown.append(sanitize(text[span.end :]).rstrip())
    return shown


def _out_of_distribution(config: DetectorConfig, role: Role, what: str, distance: float | None = None) -> str:
    head = config.head(role)
    assert head is not None
    how_far = "" if distance is None else f"distance {distance:.0f}, "
    return (
        f"Out of distribution, unlike the training {what} ({how_far}beyond {head.ood.threshold:.0f}, as "
        f"{head.ood.false_alarms.value:.1%} of the test part was)."
    )
