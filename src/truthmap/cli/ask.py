"""`truthmap ask`: ask a question and see how far to trust the answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from truthmap.cli.detector_folder import detector_folder
from truthmap.cli.replies import BatchScored
from truthmap.errors import UsageError
from truthmap.terminal.options import DetectorArgument
from truthmap.terminal.output import print_lines, terminal
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies, tell


@replies(
    "truthmap.detector.verdict:VerdictRow", "truthmap.detector.verdict:ForecastRow", "truthmap.cli.replies:BatchScored"
)
def ask(
    detector: DetectorArgument,
    question: Annotated[
        str | None,
        typer.Argument(help="The question; without one they are asked for, or read line by line", show_default=False),
    ] = None,
    answer: Annotated[
        str | None, typer.Option(help="Score this answer instead of asking the model", show_default=False)
    ] = None,
    before: Annotated[
        bool, typer.Option("--before", help="Read the prompt only: P(wrong) before the model answers")
    ] = False,
    candidate: Annotated[
        list[str] | None, typer.Option(help="Something the answer could name; several times", show_default=False)
    ] = None,
    batch: Annotated[
        Path | None, typer.Option(help="Ask all questions of a .jsonl or .csv file", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where --batch writes, .jsonl or .csv", show_default=False)] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest answer in tokens", show_default="as in the run")
    ] = None,
    early_exit: Annotated[
        str | None,
        typer.Option(help="End a thought once P(right) is at least this; or: guaranteed", show_default=False),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Where the model is now", show_default="the name it was sealed with")
    ] = None,
    device: Annotated[str, typer.Option(help="auto (CUDA, MPS, CPU), or a torch device")] = "auto",
    allow_different: Annotated[
        bool, typer.Option(help="Use a model other than the sealed one; its scores mean little")
    ] = False,
    trust_remote_code: Annotated[bool, typer.Option(help="Run Python code that comes with a hub model")] = False,
) -> Reply | None:
    """Ask a question: the answer, its exact answer marked, P(wrong) and whether to trust it.

    Without a question it asks for one after the other, with one load of the model; in a pipe each line is a question,
    and --json prints a document for each.
    """
    if question is not None and batch is not None:
        raise UsageError("give one question, or a file of them with --batch")
    if (batch is None) != (out is None):
        raise UsageError("--batch and --out go together: a file of questions and where the verdicts are written")
    if before and (answer is not None or batch is not None):
        raise UsageError("--before reads a question before it is answered; leave --answer and --batch out")
    if early_exit is not None and (before or answer is not None or batch is not None):
        raise UsageError(
            "--early-exit ends the model's own thought on one question; leave --before, --answer, --batch out"
        )
    if answer is not None and question is None:
        raise UsageError("--answer goes with the question it answers; give that, or a file of both with --batch")
    from truthmap.cli.ask_loop import ask_each, piped_questions, typed_questions
    from truthmap.cli.output_verdict import print_forecast, print_verdict
    from truthmap.detector.detector import load_detector
    from truthmap.detector.exit_rule import early_exit_at
    from truthmap.detector.score_file import score_file
    from truthmap.detector.verdict import forecast_row, verdict_row

    exit_at = early_exit_at(early_exit)
    folder = detector_folder(detector)
    loaded = load_detector(
        folder, model, device=device, allow_different=allow_different, trust_remote_code=trust_remote_code
    )
    if batch is not None and out is not None:
        with Bars().stage("Asking", None) as advance:
            counts = score_file(loaded, batch, out, max_new_tokens, advance)
        line = f"{out}: {', '.join(f'{n} {kind}' for kind, n in counts.items())}"
        return Reply(BatchScored(written=str(out), verdicts=counts), lambda: print_lines([line], stderr=True))

    def answer_one(text: str, end: Sequence[str] = ()) -> Reply:
        asked = loaded.question(text, candidate)
        if before:
            forecast = loaded.forecast(asked)
            return Reply(forecast_row(forecast), lambda: print_forecast(loaded.config, forecast, end))
        verdict = loaded.ask(asked, max_new_tokens, exit_at) if answer is None else loaded.score(asked, answer)
        return Reply(verdict_row(verdict), lambda: print_verdict(loaded.config, verdict, end))

    if question is not None:
        return answer_one(question)
    at_prompt = sys.stdin is not None and sys.stdin.isatty() and terminal().is_terminal
    questions = typed_questions() if at_prompt else piped_questions(sys.stdin)
    ask_each(questions, lambda text: tell(answer_one(text, end=[""])))
    return None
