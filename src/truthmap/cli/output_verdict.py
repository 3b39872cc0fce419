"""How a verdict looks in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from truthmap.detector.config import DetectorConfig, Role
from truthmap.detector.verdict import Forecast, Trust, Verdict
from truthmap.text import sanitize

_STYLE = {Trust.TRUST: "bold green", Trust.DONT_TRUST: "bold red", Trust.NO_EXACT_ANSWER: "bold yellow"}
_SIGN = {Trust.TRUST: "✓", Trust.DONT_TRUST: "✗", Trust.NO_EXACT_ANSWER: "?"}


def print_verdict(config: DetectorConfig, verdict: Verdict) -> None:
    """Print an answer, its exact answer between marks, and how far to trust it."""
    console = Console()
    console.print(_answer(verdict), soft_wrap=True)
    console.print()
    said = Text(f"{_SIGN[verdict.trust]} {verdict.trust}", style=_STYLE[verdict.trust])
    if verdict.p_wrong is not None and verdict.trust is not Trust.NO_EXACT_ANSWER:
        said.append(f"   P(wrong) = {verdict.p_wrong:.2f}", style="not bold default")
    console.print(said)
    console.print(Text(verdict.meaning[:1].upper() + verdict.meaning[1:] + "."))
    if verdict.p_wrong_before is not None:
        console.print(Text(f"Before answering: P(wrong) = {verdict.p_wrong_before:.2f}."))
    if verdict.neighbours is not None:
        near = verdict.neighbours
        console.print(Text(f"Of the {near.n} most similar training answers {near.right} were right, among them:"))
        for record in near.nearest:
            mark = "right" if record.right else "wrong"
            console.print(Text(f"  {sanitize(record.question)} – {sanitize(record.exact_answer) or '(none)'} ({mark})"))
    if verdict.far and verdict.role is not None:
        console.print(Text(_far(config, verdict.role, "answers", verdict.distance), style="yellow"))
    elif verdict.question_far:
        console.print(Text(_far(config, Role.BEFORE, "questions"), style="yellow"))


def print_forecast(config: DetectorConfig, forecast: Forecast) -> None:
    """Print what is expected before anything is said."""
    console = Console()
    sure = "it probably knows" if forecast.p_wrong < 0.5 else "it probably does not know"
    console.print(Text(f"Before answering: P(wrong) = {forecast.p_wrong:.2f}: {sure}"))
    console.print(Text(forecast.meaning[:1].upper() + forecast.meaning[1:] + "."))
    if forecast.far:
        console.print(Text(_far(config, Role.BEFORE, "questions", forecast.distance), style="yellow"))


def _answer(verdict: Verdict) -> Text:
    """Return the answer's text with the exact answer in ⟦ ⟧ and underlined."""
    text, span = verdict.answer.text, verdict.exact_answer
    if span is None:
        return Text(sanitize(text).strip() or "(no answer)")
    shown = Text(sanitize(text[: span.start]).lstrip())
    shown.append(f"⟦{sanitize(text[span.start : span.end])}⟧", style="bold underline")
    shown.append(sanitize(text[span.end :]).rstrip())
    return shown


def _far(config: DetectorConfig, role: Role, what: str, distance: float | None = None) -> str:
    head = config.head(role)
    assert head is not None
    how = "" if distance is None else f"distance {distance:.0f}, "
    return (
        f"Unlike the training {what} ({how}beyond {head.drift.threshold:.0f}, as {head.drift.false_alarms:.1%} of the "
        "test part was): the probability may not hold here."
    )
