"""Tables on the page have words for columns, and one cell for a number with its interval."""

from __future__ import annotations

import pandas as pd
import pytest

from truthmap.report.column_names import in_words, worded


def test_a_number_and_its_interval_make_one_column() -> None:
    frame = pd.DataFrame(
        {
            "method": ["a_b", "c"],
            "auc": [0.9012, None],
            "auc_low": [0.8, None],
            "auc_high": [0.95, None],
            "p_value": [0.5, 1],
        }
    )
    found = worded(frame)
    assert found.columns == ("method", "AUC [95 %]", "p-value")
    assert found.rows == (("a_b", "0.901 [0.800, 0.950]", "0.5"), ("c", "", "1"))


@pytest.mark.parametrize("kind", ["Int64", "float64", "Float64", "string", "boolean", "datetime64[ns]", "object"])
def test_what_is_missing_is_an_empty_cell_of_any_kind(kind: str) -> None:
    assert worded(pd.DataFrame({"n": pd.Series([None], dtype=kind)})).rows == (("",),)


def test_a_half_interval_stays_as_it_is() -> None:
    assert worded(pd.DataFrame({"score": [1], "score_low": [0]})).columns == ("score", "score low")


def test_a_column_that_nobody_named_reads_as_words() -> None:
    assert in_words("my_own_column") == "my own column"
    assert "_" not in "".join(map(in_words, ("p_corrected", "text_baseline_auc", "n_right", "minus_log_prob")))
