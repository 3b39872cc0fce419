from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from truthmap.grading.token_spans import locate_positions, locate_ranges
from truthmap.positions import PAPER, Group, Position
from truthmap.records import Answer, Span

PROMPT = (1, 2, 3)


def answer(*pieces: str, closing: bool = True) -> Answer:
    offsets, text = [], ""
    for piece in pieces:
        offsets.append((len(text), len(text) + len(piece)))
        text += piece
    if closing:
        offsets.append((len(text), len(text)))
    ids = tuple(range(10, 10 + len(offsets)))
    return Answer("q", PROMPT, ids, text, (0.0,) * len(ids), tuple(offsets), closing)


def located(given: Answer, span: Span | None) -> dict[str, int]:
    places = locate_positions(given, span)
    assert places.dtype == np.int32
    assert places.shape == (len(PAPER),)
    return {str(position): int(place) for position, place in zip(PAPER, places, strict=True)}


def span_of(given: Answer, piece: str) -> Span:
    start = given.text.index(piece)
    return Span(start, start + len(piece))


def test_all_fifteen_places_of_a_plain_answer() -> None:
    said = answer("The", " capital", " is", " Hart", "ford", ",", " an", " old", " city")
    assert located(said, span_of(said, "Hartford")) == {
        "last_q": 2, "first_answer": 3, "second_answer": 4,
        "exact_answer_before_first": 5, "exact_answer_first": 6, "exact_answer_last": 7, "exact_answer_after_last": 8,
        "-8": 5, "-7": 6, "-6": 7, "-5": 8, "-4": 9, "-3": 10, "-2": 11, "-1": 12,
    }  # fmt: skip


def test_an_exact_answer_at_the_start_has_the_prompt_before_it() -> None:
    said = answer("Peru", ".")
    found = located(said, span_of(said, "Peru"))
    assert found["exact_answer_before_first"] == found["last_q"] == 2
    assert found["exact_answer_first"] == found["exact_answer_last"] == 3


def test_an_exact_answer_that_ends_the_sequence_has_nothing_after_it() -> None:
    said = answer("In", " Peru", closing=False)
    found = located(said, span_of(said, "Peru"))
    assert (found["exact_answer_last"], found["exact_answer_after_last"]) == (4, -1)
    closed = answer("In", " Peru")
    assert located(closed, span_of(closed, "Peru"))["exact_answer_after_last"] == 5


def test_places_counted_from_the_end_stay_within_the_answer() -> None:
    found = located(answer("A", "B", closing=False), None)
    assert (found["-1"], found["-2"], found["-3"], found["-8"]) == (4, 3, -1, -1)
    assert located(answer("A", closing=False), None)["second_answer"] == -1


def test_without_a_span_the_exact_answer_is_missing() -> None:
    found = located(answer("A", "B"), None)
    assert [found[str(name)] for name in PAPER if name.group is Group.EXACT] == [-1] * 4


def test_a_faulty_or_empty_answer_has_no_places() -> None:
    empty = Answer("q", PROMPT, (), "", (), (), False)
    faulty = Answer("q", PROMPT, (), "", (), (), False, fault="prompt_too_long")
    assert (locate_positions(empty, None) == -1).all()
    assert (locate_positions(faulty, Span(0, 1)) == -1).all()


def test_ids_that_share_a_character_belong_to_it_together() -> None:
    # An emoji that a byte-level vocabulary writes with three ids, each of them the whole character.
    said = Answer(
        "q", PROMPT, (10, 11, 12, 13, 14), "In 🎉.", (0.0,) * 5, ((0, 3), (3, 4), (3, 4), (3, 4), (4, 5)), True
    )
    found = located(said, Span(3, 4))
    assert (found["exact_answer_first"], found["exact_answer_last"]) == (4, 6)


def test_white_space_at_the_edges_of_a_span_names_no_token() -> None:
    said = answer("In", " ", "Peru", " ", "now")
    assert located(said, Span(2, 8)) == located(said, span_of(said, "Peru"))
    glued = answer("In", " Peru.", " Yes")
    assert located(glued, span_of(glued, "Peru"))["exact_answer_first"] == 4


def test_a_span_of_white_space_alone_has_no_token() -> None:
    found = located(answer("In", " ", "Peru"), Span(2, 3))
    assert (found["exact_answer_first"], found["exact_answer_last"]) == (-1, -1)


def test_special_tokens_within_are_never_the_edge_of_a_span() -> None:
    said = Answer("q", PROMPT, (9, 10, 9), "Peru", (0.0,) * 3, ((0, 0), (0, 4), (4, 4)), True)
    found = located(said, Span(0, 4))
    assert (found["exact_answer_first"], found["exact_answer_last"], found["exact_answer_after_last"]) == (4, 4, 5)


@given(st.lists(st.text(" ab", min_size=1, max_size=3), min_size=1, max_size=12), st.data())
def test_the_tokens_of_a_span_are_the_ids_that_wrote_it(pieces: list[str], data: st.DataObject) -> None:
    said = answer(*pieces)
    start = data.draw(st.integers(0, len(said.text) - 1))
    span = Span(start, data.draw(st.integers(start + 1, len(said.text))))
    found = located(said, span)
    first, last = found["exact_answer_first"], found["exact_answer_last"]
    words = said.text[span.start : span.end].strip()
    assume(words)
    low, high = said.offsets[first - 3][0], said.offsets[last - 3][1]
    assert words in said.text[low:high]
    assert found["exact_answer_before_first"] == first - 1
    start_of_words = span.start + said.text[span.start : span.end].index(words[0])
    assert low <= start_of_words < said.offsets[first - 3][1]
    assert said.offsets[last - 3][0] < start_of_words + len(words) <= high


BY_RULE = ("answer[-1]", "answer[50%]", "mean(answer)", "final[-2]", "mean(final)", "exact[-1]+1", "thought[0]")


def ranges(given: Answer, span: Span | None, *, drop: bool) -> list[tuple[int, int]]:
    found = locate_ranges(given, span, [*map(Position.of, BY_RULE)], drop_closing_token=drop)
    return [(int(start), int(end)) for start, end in found]


def test_rules_are_found_with_the_closing_token_and_without() -> None:
    said = answer("It", " is", " Peru", ".")
    peru = span_of(said, "Peru")
    assert ranges(said, peru, drop=False) == [(7, 8), (5, 6), (3, 8), (6, 7), (3, 8), (6, 7), (-1, -1)]
    assert ranges(said, peru, drop=True) == [(6, 7), (5, 6), (3, 7), (5, 6), (3, 7), (6, 7), (-1, -1)]


def test_only_a_token_that_closed_the_answer_is_dropped() -> None:
    cut, written = answer("It", " is", " Peru", closing=False), answer("It", " is", " Peru", "!", closing=False)
    ready = replace(written, finished=True)
    for said in (cut, ready):
        assert ranges(said, None, drop=True) == ranges(said, None, drop=False)
    line = replace(answer("Peru", "\n", closing=False), finished=True)
    assert ranges(line, None, drop=True)[0] == (3, 4)
    alone = answer()
    assert set(ranges(alone, None, drop=True)) == {(-1, -1)}


def test_thought_and_final_part_are_spans_of_their_own() -> None:
    said = answer("<think>", "Lima", "?", " No", "</think>", " Peru", ".")
    rules = ("thought[0]", "thought[50%]", "thought[-1]", "mean(thought)", "final[0]", "final[-1]", "mean(final)", "-1")
    places = [*map(Position.of, rules)]
    found = [(int(a), int(b)) for a, b in locate_ranges(said, span_of(said, "Peru"), places)]
    assert found == [(4, 5), (5, 6), (6, 7), (4, 7), (8, 9), (10, 11), (8, 11), (10, 11)]
    written = [(int(a), int(b)) for a, b in locate_ranges(said, None, places, drop_closing_token=True)]
    assert written == [(4, 5), (5, 6), (6, 7), (4, 7), (8, 9), (9, 10), (8, 10), (9, 10)]


def test_a_thought_that_does_not_end_has_no_final_part() -> None:
    said = answer("<think>", "Lima", "?", closing=False)
    found = locate_ranges(said, None, [Position.of(rule) for rule in ("thought[-1]", "final[0]", "answer[-1]")])
    assert [int(start) for start, _ in found] == [5, -1, 5]
