"""Untrusted text is seen whole, in its place, and in the order it was written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.records import Span
from truthmap.report.sanitize import cut, marked, visible

ANY_TEXT = st.text(st.characters(), max_size=60)


@given(ANY_TEXT)
def test_visible_text_has_its_length_and_nothing_hidden(text: str) -> None:
    seen = visible(text)
    assert len(seen) == len(text)
    assert not {c for c in seen if unicodedata.category(c) in ("Cc", "Cs")} - {"\n", "\t"}
    seen.encode("utf-8")


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800"])
def test_controls_and_direction_overrides_are_shown_as_such(character: str) -> None:
    assert visible(f"a{character}b") == "a�b"


@pytest.mark.parametrize("text", ["line\nline\ttab", "Māori – العربية", "👩‍🚀", "n\u0303"])
def test_ordinary_text_stays(text: str) -> None:
    assert visible(text) == text


@given(ANY_TEXT, st.integers(1, 20))
def test_a_cut_text_is_no_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit


@given(ANY_TEXT, st.data())
def test_a_text_within_its_limit_is_whole_and_marked_in_its_place(text: str, data: st.DataObject) -> None:
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    shown = marked(text, Span(start, end), 60)
    assert (shown.before, shown.marked, shown.after) == (
        visible(text[:start]),
        visible(text[start:end]),
        visible(text[end:]),
    )


@given(st.integers(0, 500), st.integers(1, 30))
def test_a_long_text_is_cut_around_its_exact_answer(start: int, length: int) -> None:
    text = "".join(chr(ord("a") + n % 26) for n in range(600))
    shown = marked(text, Span(start, start + length), 80)
    assert shown.marked == text[start : start + length]
    assert text[:start].endswith(shown.before.removeprefix("…"))
    assert text[start + length :].startswith(shown.after.removesuffix("…"))
    assert 78 <= len(shown.before + shown.marked + shown.after) <= 82


def test_a_text_without_a_span_is_all_before() -> None:
    shown = marked("no idea", None, 40)
    assert (shown.before, shown.marked, shown.after) == ("no idea", "", "")
