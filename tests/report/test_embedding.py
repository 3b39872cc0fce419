"""What is put into the page cannot get out of its place."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.report.embedding import bundled_style_ids, content_policy, inline, plotly_source, script_json, table_csv


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_in_a_script_reads_back_and_holds_no_html(content: object) -> None:
    text = str(script_json(content))
    assert json.loads(text) == content
    assert not set(text) & set("<>&\u2028\u2029")


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script_json({"auc": float("nan")})


def test_the_policy_lets_in_a_script_by_its_digest_and_nothing_else() -> None:
    digest = base64.b64encode(hashlib.sha256(b"alert(1)").digest()).decode()
    directives = content_policy(["alert(1)"], []).split("; ")
    assert directives[0] == "default-src 'none'"
    assert f"script-src 'sha256-{digest}'" in directives
    assert not [d for d in directives if d.startswith("script-src") and "unsafe" in d]
    assert "img-src data:" in directives


def test_a_script_that_would_close_its_element_is_refused() -> None:
    with pytest.raises(AssertionError):
        inline("x = '</SCRIPT>'")


def test_plotly_comes_whole_and_fit_to_be_inlined() -> None:
    source = plotly_source()
    assert "plotly.js" in source[:200]
    assert "\r" not in source
    assert inline(source) == source
    assert bundled_style_ids(source)


def test_a_formula_in_a_table_is_a_text_for_spreadsheets() -> None:
    rows = [["=1+1", "+49", "-0.5", 3], ["@SUM(A1)", "\tx", 'say "hi"', -2.5]]
    content = table_csv(["a", "b", "c", "d"], rows).decode()
    read = list(csv.reader(io.StringIO(content, newline="")))
    assert read[1] == ["'=1+1", "+49", "-0.5", "3"]
    assert read[2] == ["'@SUM(A1)", "'\tx", 'say "hi"', "-2.5"]
