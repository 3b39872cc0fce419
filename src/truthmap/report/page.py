"""The report: one HTML page that needs nothing but itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from pydantic import BaseModel

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
from truthmap.shown import ShortRepr

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
class Verbatim:
    """A text shown as it is, letter by letter, under a heading if it has one."""

    text: str
    heading: str = ""


@dataclass(frozen=True)
class PageSection:
    """A part of the page; what is empty is not shown, the rest in the order of the fields.

    Attributes:
        name: Names it within the page.
        title: Its heading.
        fault: Why it cannot be shown.
        warnings: What a reader must know before all else.
        points: Sentences, as a list.
        says: Sentences, a paragraph each.
        template: A file of the page with markup of its own.
        without_scripts: What that shows to readers without scripts.
        facts: Name → value, in reading order.
        verbatim: Texts as they are.
        pictures: Finished figures.
        tables: Tables.
        downloads: Files with its numbers.
    """

    name: str
    title: str
    fault: str = ""
    warnings: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    template: str = ""
    without_scripts: Picture | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    verbatim: tuple[Verbatim, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    downloads: tuple[Download, ...] = ()


@dataclass(frozen=True, repr=False)
class Page(ShortRepr):
    """Everything that the page says; all texts are untrusted.

    Attributes:
        title: Model and questions.
        sections: Its parts, in reading order.
        maps: From `maps.pack_maps`.
    """

    title: str
    sections: tuple[PageSection, ...]
    maps: Mapping[str, Any]

    def section(self, name: str) -> PageSection:
        """Return a section by its name.

        Raises:
            KeyError: there is none.
        """
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(name)


def render_page(page: Page) -> str:
    """Return the page as HTML: every text escaped, one policy that lets only the page's own scripts run."""
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


def json_download(name: str, content: BaseModel) -> Download:
    """Return a record as a file of indented JSON."""
    text = json.dumps(content.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return Download(name, "application/json", f"{text}\n".encode())


def texts(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, ...], ...]:
    """Return rows of values as rows of texts: floats with four digits, nothing for `None`, NaN and pandas' NA."""
    return tuple(tuple(map(_text, row)) for row in rows)


def _text(value: Any) -> str:
    if value is None or value is pd.NA or value != value:  # NaN differs from itself
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    return cut(text, _LONGEST_CELL)


def _uri(content: Picture | Download) -> str:
    return data_uri(content.content, content.media_type)
