"""`truthmap sample`: several answers to each question of a finished run."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from truthmap.cli.tables import print_table
from truthmap.cli.where import BatchTokens, Device, RunArgument
from truthmap.errors import UsageError
from truthmap.pipeline import Bars, open_run
from truthmap.pipeline.reopening import Where
from truthmap.pipeline.sampling import Samples, SampleSettings, sample_answers
from truthmap.records import Outcome

_FIELDS = SampleSettings.model_fields


def _help(name: str) -> str:
    return str(_FIELDS[name].description)


def sample(
    run: RunArgument,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help=_help("k"))] = 10,
    temperature: Annotated[float, typer.Option(max=10, help=_help("temperature"))] = 1.0,
    top_p: Annotated[float, typer.Option(max=1, help=_help("top_p"))] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help=_help("seed"))] = 0,
    part: Annotated[str, typer.Option(help=_help("part"))] = "all",
    device: Device = "auto",
    batch_tokens: BatchTokens = 8192,
) -> None:
    """Draw K answers to each question, grade them, and keep them in the run folder.

    Killed at any time, the same command goes on where it stopped; a larger --k only adds what is missing.
    """
    settings = _settings({"k": k, "temperature": temperature, "top_p": top_p, "seed": seed, "part": part})
    drawn = sample_answers(open_run(run), settings, where=Where(device, batch_tokens), progress=Bars())
    _print(drawn)


def _settings(values: dict[str, Any]) -> SampleSettings:
    from pydantic import ValidationError

    try:
        return SampleSettings(**values)
    except ValidationError as error:
        faults = "; ".join(f"--{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(f"these settings cannot be used: {faults}") from error


def _print(drawn: Samples) -> None:
    grades = [grade for its_own in drawn.grades.values() for grade in its_own]
    counts = Counter(grade.outcome for grade in grades)
    some = sum(any(g.outcome is Outcome.RIGHT for g in own) for own in drawn.grades.values())
    n = len(drawn.question_ids)
    print_table(
        f"{len(grades)} samples: {drawn.settings.k} of each of {n} questions, temperature "
        f"{drawn.settings.temperature:g}",
        ("", "samples", "share"),
        [
            *((str(outcome), str(counts[outcome]), f"{counts[outcome] / len(grades):.1%}") for outcome in Outcome),
            ("questions with a right sample", str(some), f"{some / n:.1%}"),
        ],
    )
