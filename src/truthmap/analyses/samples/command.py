"""`truthmap sample`: several answers to each question of a finished run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import Analysis, SummaryTable
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.records import Outcome
from truthmap.runs.run import open_run
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.study import settings_named
from truthmap.terminal.options import RunArgument
from truthmap.terminal.output import print_tables
from truthmap.terminal.progress import Bars
from truthmap.terminal.reply import Reply, replies
from truthmap.terminal.study_options import CLUSTER, REOPENING, study_options

if TYPE_CHECKING:
    from truthmap.analyses.samples.run import Samples

_FIELDS = SampleSettings.model_fields


def _help(name: str) -> str:
    return str(_FIELDS[name].description)


@replies("truthmap.analyses.samples.command:SampleCounts")
@study_options(settings_named(*REOPENING, "endpoint", *CLUSTER))
def sample(
    run: RunArgument,
    k: Annotated[int, typer.Option("--k", help=_help("k"))] = _FIELDS["k"].default,
    temperature: Annotated[float, typer.Option(help=_help("temperature"))] = _FIELDS["temperature"].default,
    top_p: Annotated[float, typer.Option(help=_help("top_p"))] = _FIELDS["top_p"].default,
    seed: Annotated[int, typer.Option(help=_help("seed"))] = _FIELDS["seed"].default,
    part: Annotated[str, typer.Option(help=_help("part"))] = _FIELDS["part"].default,
    *,
    given: dict[str, Any],
) -> Reply:
    """Draw K answers to each question, grade them, and keep them in the run folder.

    Killed at any time, the same command goes on where it stopped; a larger --k only adds what is missing.
    """
    settings = SampleSettings.of({"k": k, "temperature": temperature, "top_p": top_p, "seed": seed, "part": part})
    opened = open_run(run)
    from truthmap.analyses.samples.run import sample_answers

    drawn = sample_answers(opened, settings, reopening=ReopenSettings.of(given), progress=Bars())
    counts = counts_of(drawn)
    return Reply(counts, lambda: print_tables(summarize(counts)))


class SampleCounts(BaseModel):
    """How many samples a run has, and how they were graded.

    Attributes:
        settings: How they were drawn.
        questions: Sampled questions.
        with_right_sample: Those that have a right sample.
        samples: Samples in all.
        outcomes: Samples by outcome.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: SampleSettings
    questions: int
    with_right_sample: int
    samples: int
    outcomes: dict[Outcome, int]


def counts_of(drawn: Samples) -> SampleCounts:
    """Return how many samples there are of each outcome, and how many questions have a right one."""
    counts = Counter(grade.outcome for own in drawn.grades.values() for grade in own)
    return SampleCounts(
        settings=drawn.settings,
        questions=len(drawn.question_ids),
        with_right_sample=sum(any(g.outcome is Outcome.RIGHT for g in own) for own in drawn.grades.values()),
        samples=counts.total(),
        outcomes={outcome: counts[outcome] for outcome in Outcome},
    )


def summarize(counts: SampleCounts) -> tuple[SummaryTable, ...]:
    """Return the counts as a table."""
    n, k, some = counts.questions, counts.settings.k, counts.with_right_sample
    table = SummaryTable(
        f"{counts.samples} samples: {k} of each of {n} questions, temperature {counts.settings.temperature:g}",
        ("", "n", "share"),
        (
            *(
                (f"{outcome} samples", str(count), f"{count / max(1, counts.samples):.1%}")
                for outcome, count in counts.outcomes.items()
            ),
            ("questions with a right sample", str(some), f"{some / max(1, n):.1%}"),
        ),
    )
    return (table,)


ANALYSIS = Analysis("sample", sample)
