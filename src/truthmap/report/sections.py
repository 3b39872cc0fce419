"""The analyses that a run has, as sections of the page: figures, tables and numbers, whatever made them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truthmap.errors import TruthmapError
from truthmap.files import read_json
from truthmap.report.embedding import table_csv
from truthmap.report.page import Download, Picture, Section, Table, texts
from truthmap.runs.run import Run

_TITLES = {
    "compare": "Against what needs no training",
    "transfer": "Carried over to other questions",
    "errors": "Kinds of error",
    "select": "Choosing among samples",
    "diff": "Difference of two maps",
}
"""Headings in the page's order; an analysis that is not listed comes after these under its own name."""

_LABELS = "labels-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
_MOST_ROWS = 60
_LARGEST = 600_000
_PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass
class Room:
    """The bytes that the page may still take in: so that it stays small whatever the analyses wrote."""

    left: int

    def take(self, size: int) -> bool:
        """Take room for a file of `size` bytes, as base64, if there is enough and the file is not too large."""
        needed = size * 4 // 3
        if size > _LARGEST or needed > self.left:
            return False
        self.left -= needed
        return True


def analysis_sections(run: Run, room: Room) -> tuple[Section, ...]:
    """Return a section for each analysis in the run's folder `analyses`, with what there is room for."""
    folder = run.path / "analyses"
    if not folder.is_dir():
        return ()
    names = [path.stem for path in sorted(folder.glob("*.json")) if _NAME.fullmatch(path.stem)]
    order = {name: place for place, name in enumerate(_TITLES)}
    in_order = sorted(names, key=lambda n: (order.get(n, len(order)), n))
    return tuple(_section(folder, name, room) for name in in_order)


def _section(folder: Path, name: str, room: Room) -> Section:
    title = _TITLES.get(name) or _own_title(name)
    try:
        result = read_json(folder / f"{name}.json")
        tables, downloads = _tables(folder, name)
    except TruthmapError as error:
        return Section(name, title, fault=f"This analysis cannot be shown: {error}")
    pictures = tuple(_pictures(folder, name, title, room))
    json_file = Download(f"{name}.json", "application/json", (folder / f"{name}.json").read_bytes())
    files = [file for file in (json_file, *downloads) if room.take(len(file.content))]
    left = [file.name for file in (json_file, *downloads) if file not in files]
    more = (f"Too large for this page, in the run's folder analyses: {', '.join(left)}.",) if left else ()
    return Section(name, title, (*_says(result), *more), pictures, (*_told(name, result), *tables), tuple(files))


def _own_title(name: str) -> str:
    if name.startswith(_LABELS):
        return f"Other labels: {name.removeprefix(_LABELS)}"
    return name.replace("_", " ").replace("-", " ").capitalize()


def _says(result: Any) -> Iterator[str]:
    """Return the sentences that an analysis wrote down itself."""
    for key in ("says", "notes"):
        found = result.get(key) if isinstance(result, dict) else None
        if isinstance(found, str):
            yield found
        elif isinstance(found, list):
            yield from (text for text in found if isinstance(text, str))


def _told(name: str, result: Any) -> tuple[Table, ...]:
    """Return what an analysis of maps found: the table that follows has a row for each cell."""
    from truthmap.report.told import tell_saved

    told = tell_saved(name, result)
    return () if told is None else (Table("What was found", told.columns, texts(told.rows)),)


def _files(folder: Path, name: str, ending: str) -> list[Path]:
    """Return the files `NAME.ending` and `NAME_more.ending`, the plain one first."""
    return sorted([*folder.glob(f"{name}{ending}"), *folder.glob(f"{name}_*{ending}")], key=lambda p: (len(p.stem), p))


def _pictures(folder: Path, name: str, title: str, room: Room) -> Iterator[Picture]:
    """Return the figures: as SVG where that is small, else as PNG."""
    stems = dict.fromkeys(p.stem for ending in _PICTURES for p in _files(folder, name, ending))
    for stem in stems:
        for ending, media_type in _PICTURES.items():
            path = folder / f"{stem}{ending}"
            if path.is_file() and room.take(path.stat().st_size):
                yield Picture(f"{title}: {stem.replace('_', ' ')}", media_type, path.read_bytes())
                break


def _tables(folder: Path, name: str) -> tuple[tuple[Table, ...], list[Download]]:
    tables, downloads = [], []
    for path in _files(folder, name, ".parquet"):
        frame = _read_table(path)
        columns = tuple(map(str, frame.columns))
        downloads.append(Download(f"{path.stem}.csv", "text/csv", table_csv(columns, frame.itertuples(index=False))))
        if path.stem == name:
            shown = list(frame.head(_MOST_ROWS).itertuples(index=False))
            about = f"The first {_MOST_ROWS} of {len(frame):,} rows" if len(frame) > _MOST_ROWS else "In numbers"
            tables.append(Table(about, columns, texts(shown)))
    return tuple(tables), downloads


def _read_table(path: Path) -> Any:
    import pandas as pd
    import pyarrow as pa

    from truthmap.errors import DamagedFileError

    try:
        return pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedFileError(f"{path.name} is damaged ({error}); make the analysis again") from error
