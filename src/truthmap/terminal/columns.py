"""The options that name the columns of an own question file: `--question-column` and its like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from truthmap.questions.columns import Columns

_PANEL = "Columns of an own file (by default those with the usual names)"


def column_option(field: str) -> Any:
    """Return the option that names the column of a field."""
    about = str(Columns.model_fields[field].description)
    return typer.Option(help=about, show_default=False, rich_help_panel=_PANEL)


def columns_of(given: Mapping[str, Any]) -> Columns:
    """Put the options of a command that end in `_column` together."""
    return Columns(**{field: given.get(f"{field}_column") for field in Columns.model_fields})
