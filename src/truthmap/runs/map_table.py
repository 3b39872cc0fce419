"""The table of a run's map, a row per cell: older names turned into today's, and seen to be a map."""

from __future__ import annotations

import numpy as np
import pandas as pd

from truthmap.positions import Position
from truthmap.probes.grid import ARRAYS
from truthmap.records import Site

_FORMER_COLUMNS = {
    "words_auc": "text_baseline_auc",
    "words_answer_auc": "exact_answer_text_auc",
    "answer_text_auc": "exact_answer_text_auc",
    "words_question_auc": "question_text_auc",
    "words_length_auc": "length_auc",
}


def as_map(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of cells with today's names of columns and sites.

    Raises:
        ValueError: it is none: a site lacks a cell or has it twice, or numbers are something else.
        KeyError: a column is missing.
    """
    table: pd.DataFrame = frame.rename(columns=_FORMER_COLUMNS)
    table["site"] = [str(Site(name)) for name in table["site"]]
    for name in ("layer", *(column for column in ("C" if a == "c" else a for a in ARRAYS) if column in table)):
        if table[name].dtype.kind not in "biuf":
            raise ValueError(f"its column {name!r} holds no numbers")
    if not len(table):
        raise ValueError("it has no cell")
    for site, cells in table.groupby("site", sort=False):
        positions = [str(Position.of(name)) for name in cells["position"].unique()]
        layers = np.sort(cells["layer"].unique())
        whole = np.array_equal(layers, np.arange(len(layers)))
        if not whole or len(cells) != len(layers) * len(positions) or cells.duplicated(["layer", "position"]).any():
            raise ValueError(f"the cells of site {site} are no map: {len(cells)} of {len(positions)} positions")
    return table
