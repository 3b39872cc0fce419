"""Untrusted text in a terminal and in a spreadsheet: one sanitizer and one guard, used by all who show it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truthmap.terminal.output import printable
from truthmap.text import cut, guard_formula, sanitize

ANY_TEXT = st.text(st.characters(), max_size=60)


@given(ANY_TEXT)
def test_sanitized_text_is_printable_and_as_long(text: str) -> None:
    shown = sanitize(text)
    assert len(shown) == len(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)


@given(ANY_TEXT)
def test_a_terminal_line_is_one_line(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize("hidden", ["\x1b", "\x9b", "\u200b", "\u202e", "\u2066", "\ud800", "\U000e0041"])
def test_hidden_characters_are_seen_in_a_terminal(hidden: str) -> None:
    assert printable(f"a{hidden}b") == "a\ufffdb"


def test_what_stands_in_place_can_be_chosen() -> None:
    assert sanitize("a\x1bb", instead=lambda hidden: f"<{ord(hidden)}>") == "a<27>b"


@pytest.mark.parametrize("formula", ["=1", "+1", "-1", "@A1", "\tx", "\rx", "  =1", "\n@A1"])
def test_formulas_are_guarded(formula: str) -> None:
    assert guard_formula(formula) == f"'{formula}"


def test_a_cut_text_says_so() -> None:
    assert (cut("abcdef", 6), cut("abcdefg", 6), cut("abcd efg", 6)) == ("abcdef", "abcde…", "abcd…")
