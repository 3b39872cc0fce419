"""How a detector, its verdicts and its forecasts look in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from truthmap.detector.config import DetectorConfig, Role
from truthmap.detector.verdict import PromptForecast, Trust, Verdict
from truthmap.text import sanitize

_STYLE = {Trust.TRUST: "bold green", Trust.DONT_TRUST: "bold red", Trust.NO_EXACT_ANSWER: "bold yellow"}
_SIGN = {Trust.TRUST: "✓", Trust.DONT_TRUST: "✗", Trust.NO_EXACT_ANSWER: "?"}


def print_detector(config: DetectorConfig, folder: str) -> None:
    """Print what was sealed, in lines that a narrow terminal holds."""
    console = Console()
    console.print(Text(f"Detector for {config.model.identity['name']} from {config.training.questions}", "bold"))
    for head in config.heads:
        cells = ", ".join(f"layer {cell.layer} {cell.position}" for cell in head.cells)
        error = head.reliability
        console.print(Text(f"{head.role}: {cells} ({config.site})"))
        console.print(Text(f"  AUC {head.test} on {head.test.n} test answers"))
        console.print(
            Text(
                f"  P(wrong) by {head.calibration.method}: calibration error {error.expected_calibration_error:.3f} "
                f"(by chance {error.chance_calibration_error:.3f})"
            )
        )
        console.print(Text(f"  {head.ood.false_alarms.value:.1%} of the test answers flagged as out of distribution"))
    console.print(Text("Guarantees of the answer head", "bold"))
    for guarantee in config.heads[0].guarantees:
        sign, colour = ("✓", "green") if guarantee.holds else ("–", "yellow")
        console.print(Text(f"{sign} {guarantee.claim}", colour))
        result = f"coverage {guarantee.coverage:.0%}" if guarantee.holds else "not guaranteed"
        console.print(Text(f"  {result}: {guarantee.why}"))
    console.print(Text(f'Sealed in {folder}; ask it with: truthmap ask {folder} "…"'), soft_wrap=True)


def print_verdict(config: DetectorConfig, verdict: Verdict) -> None:
    """Print an answer, its exact answer between marks, and how far to trust it."""
    console = Console()
    console.print(_answer(verdict), soft_wrap=True)
    console.print()
    heading = Text(f"{_SIGN[verdict.trust]} {verdict.trust}", style=_STYLE[verdict.trust])
    if verdict.p_wrong is not None and verdict.trust is not Trust.NO_EXACT_ANSWER:
        heading.append(f"   P(wrong) = {verdict.p_wrong:.2f}", style="not bold default")
    console.print(heading)
    console.print(Text(verdict.explanation[:1].upper() + verdict.explanation[1:] + "."))
    if verdict.p_wrong_before is not None:
        console.print(Text(f"Before answering: P(wrong) = {verdict.p_wrong_before:.2f}."))
    if verdict.neighbours is not None:
        near = verdict.neighbours
        console.print(Text(f"Of the {near.n} most similar training answers {near.right} were right, among them:"))
        for record in near.nearest:
            mark = "right" if record.right else "wrong"
            console.print(Text(f"  {sanitize(record.question)} – {sanitize(record.exact_answer) or '(none)'} ({mark})"))
    if verdict.out_of_distribution and verdict.role is not None:
        console.print(Text(_out_of_distribution(config, verdict.role, "answers", verdict.distance), style="yellow"))
    elif verdict.question_out_of_distribution:
        console.print(Text(_out_of_distribution(config, Role.BEFORE, "questions"), style="yellow"))


def print_forecast(config: DetectorConfig, forecast: PromptForecast) -> None:
    """Print what is expected before an answer token is generated."""
    console = Console()
    expected = "it probably knows" if forecast.p_wrong < 0.5 else "it probably does not know"
    console.print(Text(f"Before answering: P(wrong) = {forecast.p_wrong:.2f}: {expected}"))
    console.print(Text(forecast.explanation[:1].upper() + forecast.explanation[1:] + "."))
    if forecast.out_of_distribution:
        console.print(Text(_out_of_distribution(config, Role.BEFORE, "questions", forecast.distance), style="yellow"))


def _answer(verdict: Verdict) -> Text:
    """Return the answer's text with the exact answer in ⟦ ⟧ and underlined."""
    text, span = verdict.answer.text, verdict.exact_answer
    if span is None:
        return Text(sanitize(text).strip() or "(no answer)")
    shown = Text(sanitize(text[: span.start]).lstrip())
    shown.append(f"⟦{sanitize(text[span.start : span.end])}⟧", style="bold underline")
    shown.append(sanitize(text[span.end :]).rstrip())
    return shown


def _out_of_distribution(config: DetectorConfig, role: Role, what: str, distance: float | None = None) -> str:
    head = config.head(role)
    assert head is not None
    how_far = "" if distance is None else f"distance {distance:.0f}, "
    return (
        f"Out of distribution, unlike the training {what} ({how_far}beyond {head.ood.threshold:.0f}, as "
        f"{head.ood.false_alarms.value:.1%} of the test part was): the probability may not hold here."
    )
