"""What the house needs of an analysis: its command, and how its saved result is shown.

Each analysis has a folder: `measure` (numbers), `run` (from a finished run), `figure`, and `command`, which ends with
the analysis' own record, `ANALYSIS`. The command line, the page and `truthmap figure` ask that and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from pydantic import BaseModel

from truthmap.shown import Shown, TextTable

Result = TypeVar("Result", bound=BaseModel)


class SummaryTable(NamedTuple):
    """What was found, as a small table: the same in the terminal and on the page.

    Where no column has a name, the rows are facts: what and which.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class AnalysisResult(Shown):
    """What an analysis found: shown in a notebook as its command prints it, by what stands in `command` beside it."""

    _SUMMARY: ClassVar[str] = "summarize"

    def _tables(self) -> Sequence[TextTable]:
        folder = type(self).__module__.rpartition(".")[0]
        tables: Sequence[TextTable] = resolve_name(f"{folder}.command:{self._SUMMARY}")(self)
        return tables

    def _line(self) -> str:
        return self._tables()[0][0]


@dataclass(frozen=True)
class FigureKind:
    """A figure that `truthmap figure` draws.

    Attributes:
        name: What it is called on the command line.
        shows: What it shows, in a few words.
        draw: Where the function that draws it is, `module:function`: naming it loads no drawing code.
    """

    name: str
    shows: str
    draw: str

    def load(self) -> Callable[..., Any]:
        """Load the function that draws it."""
        return cast("Callable[..., Any]", resolve_name(self.draw))


@dataclass(frozen=True)
class SavedResult(Generic[Result]):
    """How the result that an analysis keeps in a run's folder `analyses` is shown.

    Attributes:
        title: Heading on the page.
        kind: Where the type of the saved result is, `module:class`: naming it loads no numeric code.
        summary: Returns what was found, for terminal and page.
        figures: Its kinds of figure; each draws (result, axes or `None`) and returns the axes.
        keyed: Whether a run can have several of them, `NAME-KEY.json` each, rather than one `NAME.json`; such an
            analysis has no kinds of figure.
    """

    title: str
    kind: str
    summary: Callable[[Result], tuple[SummaryTable, ...]]
    figures: tuple[FigureKind, ...] = ()
    keyed: bool = False

    def load_kind(self) -> type[Result]:
        """Load the type of the saved result."""
        return cast("type[Result]", resolve_name(self.kind))

    def title_of(self, key: str) -> str:
        """Return the heading of one of several results."""
        return f"{self.title}: {key}" if key else self.title


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    Attributes:
        name: Names its command's saved files, `NAME.json` and its like.
        command: Its command of the command line.
        saved: How its saved result is shown; `None`: it keeps none in the folder `analyses`.
    """

    name: str
    command: Callable[..., None]
    saved: SavedResult[Any] | None = None

    def key_of(self, saved_name: str) -> str | None:
        """Return which of the results of this analysis a saved one is (`""`: the only one), or `None`: it is none.

        >>> Analysis("diff", print, SavedResult("Difference", "", tuple)).key_of("diff")
        ''
        """
        if self.saved is None:
            return None
        if not self.saved.keyed:
            return "" if saved_name == self.name else None
        return saved_name.removeprefix(f"{self.name}-") if saved_name.startswith(f"{self.name}-") else None
