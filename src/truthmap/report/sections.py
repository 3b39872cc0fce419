"""The parts of the page, a builder each: what the run found, what its analyses found, how to repeat it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from truthmap.analyses.base import Analysis, SummaryTable
from truthmap.analyses.registry import ANALYSES, analysis_of
from truthmap.analyses.saved import SavedAnalysis
from truthmap.detector.artifact import load_artifact
from truthmap.detector.config import DetectorConfig
from truthmap.errors import DamagedFileError, TruthmapError
from truthmap.report.column_names import worded
from truthmap.report.embedding import Room, table_csv
from truthmap.report.facts import asked, command, counts, findings_of, first_prompt, mixed_columns, repeat
from truthmap.report.maps import SiteMap
from truthmap.report.narrative import sentences
from truthmap.report.page import Download, PageSection, Picture, Table, Verbatim, json_download, texts
from truthmap.report.words import WORDS
from truthmap.runs import file_names
from truthmap.runs.data import RunData
from truthmap.runs.ledger import map_key
from truthmap.runs.run import Run

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
_MOST_ROWS = 60
_PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
_DETECTOR_PICTURES = {
    "risk_coverage": "Selective risk over coverage on the test answers",
    "reliability": "Observed share of wrong answers over predicted P(wrong)",
}


@dataclass(frozen=True)
class PageData:
    """What the page is made from, each file of the run read once.

    Attributes:
        run: The run's records.
        maps: The map of every site, the best cell's first.
        analyses: The saved results of its analyses by name, in the page's order.
        room: The bytes that the page may still take in.
    """

    run: RunData
    maps: tuple[SiteMap, ...]
    analyses: Mapping[str, SavedAnalysis]
    room: Room


Build = Callable[[PageData, str, str], PageSection | None]
"""Makes a section of this name and title, or `None` where there is nothing to show."""


def sections_of(data: PageData) -> tuple[PageSection, ...]:
    """Return the sections of the page in reading order."""
    parts: list[tuple[str, str, Build]] = [
        ("narrative", "What it means", narrative_section),
        ("map", "The map", map_section),
        ("asked", "What was asked, and how it went", asked_section),
        *(
            (f"analysis-{name}", title_of(name), partial(analysis_section, saved=saved))
            for name, saved in data.analyses.items()
        ),
        ("detector", "The detector and its guarantee", detector_section),
        ("words", "Words on this page", words_section),
        ("repeat", "How to repeat it", repeat_section),
    ]
    built = (build(data, name, title) for name, title, build in parts)
    return tuple(section for section in built if section is not None)


def saved_analyses(run: Run) -> Mapping[str, SavedAnalysis]:
    """Return the saved results in a run's folder `analyses`: in the registry's order, others after them by name."""
    folder = run.folder / file_names.ANALYSES
    run.folder.guard(folder.local)
    names = [path.stem for path in folder.local.glob("*.json") if _NAME.fullmatch(path.stem)]
    names.sort(key=lambda name: (_place(analysis_of(name)), name))
    return {name: SavedAnalysis(folder, name, run) for name in names}


def _place(analysis: Analysis | None) -> int:
    return len(ANALYSES) if analysis is None else ANALYSES.index(analysis)


def title_of(saved_name: str) -> str:
    """Return the heading of a saved result; one that no analysis knows has its own name."""
    analysis = analysis_of(saved_name)
    if analysis is None or analysis.saved is None:
        return saved_name.replace("_", " ").replace("-", " ").capitalize()
    return analysis.saved.title_of(analysis.key_of(saved_name) or "")


def narrative_section(data: PageData, name: str, title: str) -> PageSection:
    """Say what the numbers mean, in a few sentences."""
    said = sentences(findings_of(data.run, data.maps[0]))
    return PageSection(name, title, points=tuple(sentence.text for sentence in said))


def map_section(data: PageData, name: str, title: str) -> PageSection:
    """Show the map, and offer its numbers."""
    cells = data.run.cells
    rows: Any = cells.itertuples(index=False)
    picture = _map_picture(data)
    files = (
        Download("grid.csv", "text/csv", table_csv(tuple(map(str, cells.columns)), rows)),
        json_download(file_names.SUMMARY, data.run.summary),
    )
    mixed = mixed_columns(data.run.summary.columns)
    says = (mixed,) if mixed else ()
    return PageSection(
        name, title, says=says, template="map.html.j2", without_scripts=picture, downloads=_taken(files, data.room)
    )


def asked_section(data: PageData, name: str, title: str) -> PageSection:
    """Say what was asked and how it went, the audit's warnings first."""
    prompt = first_prompt(data.run)
    return PageSection(
        name,
        title,
        warnings=data.run.audit.warnings if data.run.has(file_names.AUDIT) else (),
        facts=asked(data.run),
        verbatim=(Verbatim(prompt, "The first prompt, as it was sent"),) if prompt else (),
        tables=counts(data.run),
    )


def analysis_section(data: PageData, name: str, title: str, *, saved: SavedAnalysis) -> PageSection:
    """Show one analysis with its figures, its tables and its numbers, as far as there is room."""
    section = PageSection(name, title)
    try:
        result, frames = saved.plain, saved.tables
    except TruthmapError as error:
        return replace(section, fault=f"This analysis cannot be shown: {error}")
    files = [Download(saved.path.name, "application/json", saved.content)]
    for stem, frame in frames.items():
        columns = tuple(map(str, frame.columns))
        files.append(Download(f"{stem}.csv", "text/csv", table_csv(columns, frame.itertuples(index=False))))
    pictures = tuple(_pictures(saved, title, data.room))
    kept = _taken(files, data.room)
    left = [file.name for file in files if file not in kept]
    more = (f"Too large for this page, in the run's folder {file_names.ANALYSES}: {', '.join(left)}.",) if left else ()
    return replace(
        section,
        says=(*_own_sentences(result), *more),
        pictures=pictures,
        tables=(*map(_as_table, _summary(saved)), *_numbers(saved)),
        downloads=kept,
    )


def detector_section(data: PageData, name: str, title: str) -> PageSection | None:
    """Show the run's sealed detector: where it reads, what it guarantees, how well that holds."""
    folder, section = data.run.path(file_names.DETECTOR), PageSection(name, title)
    if not (folder / file_names.DETECTOR_CONFIG).exists():
        return None
    run = data.run.run
    try:
        entry = run.added(file_names.DETECTOR)
        if entry is None or entry.key != map_key(run.snapshot.stages):
            again = f"`truthmap detector {run.address}` seals it again"
            return replace(section, fault=f"The detector was not sealed from the run as it is now; {again}.")
        config = load_artifact(folder).config
    except TruthmapError as error:
        return replace(section, fault=f"The detector cannot be shown: {error}")
    drawn = {f"{file_names.DETECTOR}/{name}.svg": shows for name, shows in _DETECTOR_PICTURES.items()}
    contents = {shows: run.snapshot.read(name) for name, shows in drawn.items() if run.snapshot.has(name)}
    pictures = tuple(
        Picture(shows, "image/svg+xml", content) for shows, content in contents.items() if data.room.take(len(content))
    )
    return replace(
        section,
        says=tuple(_guarantee_sentences(config)),
        pictures=pictures,
        tables=tuple(_detector_tables(config)),
        downloads=_taken([json_download("detector.json", config)], data.room),
    )


def words_section(_data: PageData, name: str, title: str) -> PageSection:
    """Say what the words on the page mean."""
    return PageSection(name, title, says=("More of them: docs/glossary.md of truthmap.",), facts=WORDS)


def repeat_section(data: PageData, name: str, title: str) -> PageSection:
    """Say how to repeat the run: command, settings, versions, digests, time and memory."""
    again = command(data.run)
    return PageSection(name, title, verbatim=(Verbatim(again),) if again else (), tables=repeat(data.run))


def _taken(files: Iterable[Download], room: Room) -> tuple[Download, ...]:
    """Return the files that there is room for."""
    return tuple(file for file in files if room.take(len(file.content)))


def _map_picture(data: PageData) -> Picture | None:
    if not data.run.has(file_names.HEATMAP_PNG):
        return None
    content = data.run.run.snapshot.read(file_names.HEATMAP_PNG)
    if not data.room.take(len(content)):
        return None
    best = data.run.summary
    shows = f"Map of layers and tokens; the best cell is layer {best.layer}, {best.position}, AUC {best.validation}"
    return Picture(shows, "image/png", content)


def _own_sentences(result: Any) -> Iterator[str]:
    """Return the sentences that an analysis wrote down itself."""
    for key in ("says", "notes"):
        found = result.get(key) if isinstance(result, dict) else None
        if isinstance(found, str):
            yield found
        elif isinstance(found, list):
            yield from (text for text in found if isinstance(text, str))


def _summary(saved: SavedAnalysis) -> tuple[SummaryTable, ...]:
    """Return what an analysis that the registry knows found; nothing where its result is not as it was written."""
    analysis = analysis_of(saved.name)
    if analysis is None or analysis.saved is None:
        return ()
    try:
        return analysis.saved.summary(saved.result(analysis.saved.load_kind()))
    except DamagedFileError:
        return ()  # the section shows figures and numbers nevertheless


def _as_table(summary: SummaryTable) -> Table:
    return Table(summary.title, summary.columns, summary.rows)


def _numbers(saved: SavedAnalysis) -> Iterator[Table]:
    """Return the first rows of the analysis' own table."""
    frame = saved.tables.get(saved.name)
    if frame is not None:
        about = f"The first {_MOST_ROWS} of {len(frame):,} rows" if len(frame) > _MOST_ROWS else "In numbers"
        shown = worded(frame.head(_MOST_ROWS))
        yield Table(about, shown.columns, shown.rows)


def _pictures(saved: SavedAnalysis, title: str, room: Room) -> Iterator[Picture]:
    """Return the figures: as SVG where that is small, else as PNG."""
    names = [name for ending in _PICTURES for name in saved.files(ending)]
    for stem in dict.fromkeys(name.rpartition(".")[0] for name in names):
        for ending, media_type in _PICTURES.items():
            content = saved.read(f"{stem}{ending}") if f"{stem}{ending}" in names else None
            if content is not None and room.take(len(content)):
                yield Picture(f"{title}: {stem.replace('_', ' ')}", media_type, content)
                break


def _guarantee_sentences(config: DetectorConfig) -> Iterator[str]:
    first = config.heads[0].guarantees[0]
    covered = f"it holds at a coverage of {first.coverage:.0%} of all {first.n_answers} test answers"
    result = covered if first.holds else f"it is not given: {first.why}"
    yield f"Guarantee: {first.claim}; {result}."[:500]
    yield f"It is about {config.asking.answers.described}."
    yield from (f"{warning[0].upper()}{warning[1:]}." for warning in config.warnings)


def _detector_tables(config: DetectorConfig) -> Iterator[Table]:
    heads = [
        (
            head.role,
            ", ".join(f"layer {cell.layer} {cell.position}" for cell in head.cells),
            str(head.test),
            head.test.n,
            head.calibration.method,
            head.reliability.expected_calibration_error,
            f"{head.ood.false_alarms.value:.1%}",
        )
        for head in config.heads
    ]
    columns = (
        "used for",
        "reads",
        "AUC on test",
        "answers",
        "calibrated by",
        "calibration error",
        "out of distribution",
    )
    yield Table("What it reads, and how well it does on the test part", columns, texts(heads))
    guarantees = [
        (
            guarantee.claim,
            "yes" if guarantee.holds else "no",
            guarantee.threshold,
            f"{guarantee.coverage:.0%}",
            guarantee.why,
        )
        for guarantee in config.heads[0].guarantees
    ]
    heading = ("guarantee", "holds", "threshold", "coverage", "why")
    yield Table("Guarantees for answers whose exact answer is found", heading, texts(guarantees))
