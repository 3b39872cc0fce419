"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from truthmap.files import AnyPath, write_text
from truthmap.report.embedding import (
    asset,
    bundled_style_ids,
    content_policy,
    data_uri,
    inline,
    plotly_source,
    script_json,
)
from truthmap.report.sanitize import cut, visible

_LONGEST_CELL = 200


@dataclass(frozen=True)
class Table:
    """A table of texts; `about` says in one line what its rows are."""

    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A finished figure: `media_type` is image/svg+xml or image/png; `shows` is its description in words."""

    shows: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Download:
    """A file that the page carries within itself."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Section:
    """One analysis: its figures, table and numbers; `fault` says why it cannot be shown."""

    name: str
    title: str
    says: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    downloads: tuple[Download, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Page:
    """Everything that the page says; all texts are untrusted.

    Attributes:
        title: Model and questions.
        meaning: Sentences, from `meaning.sentences`.
        asked: Name → value, in reading order: model, questions, answers, splits.
        prompt: The first prompt as it was sent, or an empty string.
        warnings: The audit's warnings.
        tables: Counts: splits, unscored by reason.
        maps: From `packing.pack_maps`.
        map_picture: The map as a figure, for readers without scripts.
        analyses: What else was found.
        command: The command that repeats the run.
        repeat: Tables of versions, digests, seeds, time and memory.
        downloads: The numbers of the map.
    """

    title: str
    meaning: tuple[str, ...]
    asked: Mapping[str, str]
    prompt: str
    warnings: tuple[str, ...]
    tables: tuple[Table, ...]
    maps: Mapping[str, Any]
    map_picture: Picture | None
    analyses: tuple[Section, ...]
    command: str
    repeat: tuple[Table, ...]
    downloads: tuple[Download, ...] = field(default=())


def render_page(page: Page) -> str:
    """Return the page as HTML: every text escaped, one policy that lets only the page's own scripts run."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True, loader=FunctionLoader(asset), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["visible"] = visible
    environment.filters["short"] = _short
    environment.filters["data_uri"] = _uri
    plotly, script, style = plotly_source(), asset("page.js"), asset("page.css")
    return environment.get_template("page.html.j2").render(
        page=page,
        # Plotly adds an empty style sheet and fills it by calls, so the empty one is let in too.
        policy=content_policy([plotly, script], [style, ""]),
        plotly=inline(plotly),
        style_ids=bundled_style_ids(plotly),
        script=inline(script),
        style=inline(style),
        data=script_json(page.maps),
    )


def write_page(page: Page, path: AnyPath) -> None:
    """Write the page to `path`, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    write_text(path, render_page(page))


def texts(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, ...], ...]:
    """Return rows of values as rows of texts: floats with four digits, nothing for `None` and NaN."""
    return tuple(tuple(map(_text, row)) for row in rows)


def _text(value: Any) -> str:
    if value is None or value != value:  # NaN differs from itself
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    return cut(text, _LONGEST_CELL)


def _uri(content: Picture | Download) -> str:
    return data_uri(content.content, content.media_type)
