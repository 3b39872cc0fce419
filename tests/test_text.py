from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from truthmap.text import find_words, is_border, normalize, normalized

PIECES = st.lists(
    st.sampled_from([*"abz İßﬁøé’-–—\n\t\u200b\u00ad\u0301\u0308é가ガ東京ा्🎉👩‍🚀\u3000", "DŽ", "½", "é", "ﷺ"]),
    max_size=30,
).map("".join)
TEXTS = st.one_of(st.text(max_size=40), PIECES)


@given(TEXTS)
def test_every_folded_character_maps_into_the_original_in_order(text: str) -> None:
    result = normalize(text)
    assert len(result.text) == len(result.starts) == len(result.ends)
    for start, end in zip(result.starts, result.ends, strict=True):
        assert 0 <= start < end <= len(text)
    assert list(result.starts) == sorted(result.starts)
    assert list(result.ends) == sorted(result.ends)


@given(TEXTS)
def test_a_piece_of_the_original_folds_to_what_it_was_found_by(text: str) -> None:
    result = normalize(text)
    for start in range(len(result.text)):
        low, high = result.original(start, start + 1)
        assert result.text[start] in normalize(text[low:high]).text


@given(TEXTS)
def test_normalizing_twice_changes_nothing_more(text: str) -> None:
    once = normalize(text).text
    assert normalize(once).text == once
    assert normalized(text) == once.strip()


@given(TEXTS, TEXTS, TEXTS)
def test_words_found_are_bordered_and_map_back_to_the_same_words(before: str, phrase: str, after: str) -> None:
    text = f"{before} {phrase} {after}"
    wanted, result = normalized(phrase), normalize(text)
    assume(wanted)
    at = find_words(result.text, wanted)
    assert at >= 0
    assert is_border(result.text, at)
    assert is_border(result.text, at + len(wanted))
    low, high = result.original(at, at + len(wanted))
    assert wanted in normalize(text[low:high]).text


def test_case_accents_ligatures_apostrophes_and_hyphens_fold() -> None:
    assert normalized("Côte d’Ivoire") == "cote d'ivoire"
    assert normalized("Cafe\u0301") == normalized("CAFÉ") == "cafe"
    assert normalized("İstanbul") == "istanbul"
    assert normalized("Łódź") == "lodz"
    assert normalized("Guinea‑Bissau") == normalized("Guinea – Bissau") == "guinea bissau"
    assert normalized("ﬁn Straße") == "fin strasse"


def test_marks_that_are_part_of_a_letter_stay() -> None:
    assert normalized("ガ") != normalized("カ")
    assert normalized("कि") != normalized("क")


def test_a_combining_accent_belongs_to_the_span_of_its_letter() -> None:
    result = normalize("in Peru\u0301.")
    at = find_words(result.text, "peru")
    assert result.original(at, at + 4) == (3, 8)


def test_words_end_anywhere_only_in_scripts_without_spaces() -> None:
    assert find_words("東京は日本にある", "日本") == 3
    assert find_words("nigeria", "niger") == -1
    assert find_words("भारतीय", "भारत") == -1


@given(TEXTS)
def test_no_words_are_found_nowhere(text: str) -> None:
    assert find_words(normalize(text).text, "") == -1
