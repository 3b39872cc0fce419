"""The grammar of positions: what each rule names, what is refused, and how a choice of positions is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from truthmap.errors import UsageError
from truthmap.position_rules import Rule, SpanName
from truthmap.positions import PAPER, POSITIONS, SETS, Group, Position, chosen_positions
from truthmap.records import Span

# Three tokens of prompt; an answer of ten: a thought of six, a final part of three with an exact answer of two, a
# closing token.
SPANS: dict[SpanName, Sequence[int]] = {
    SpanName.PROMPT: range(3),
    SpanName.ANSWER: range(3, 13),
    SpanName.THOUGHT: range(3, 9),
    SpanName.FINAL: range(9, 13),
    SpanName.EXACT: range(10, 12),
    SpanName.STEPS: (4, 8),
}


@pytest.mark.parametrize(
    ("rule", "tokens"),
    [
        ("thought[0%]", Span(3, 4)),
        ("thought[50%]", Span(6, 7)),
        ("thought[49.9%]", Span(5, 6)),
        ("thought[100%]", Span(8, 9)),
        ("thought[50%]+1", Span(7, 8)),
        ("thought[-1]+1", Span(9, 10)),
        ("exact[50%]", Span(11, 12)),
        ("prompt[0]", Span(0, 1)),
        ("prompt[50%]-1", Span(0, 1)),
        ("prompt[50%]-2", None),
        ("final[3]+1", None),
        ("mean(prompt)", Span(0, 3)),
        ("mean(thought)", Span(3, 9)),
        ("mean(exact)", Span(10, 12)),
        ("steps[0]", Span(4, 5)),
        ("steps[-1]", Span(8, 9)),
        ("steps[1]+1", Span(9, 10)),
        ("steps[50%]", Span(8, 9)),
        ("steps[2]", None),
    ],
)
def test_a_rule_names_tokens_or_none(rule: str, tokens: Span | None) -> None:
    assert Rule.of(rule).tokens(SPANS, 13) == tokens


@pytest.mark.parametrize("length", range(1, 30))
def test_shares_go_from_a_spans_first_token_to_its_last(length: int) -> None:
    span = {SpanName.THOUGHT: range(5, 5 + length)}
    places = [Rule.of(f"thought[{share}%]").tokens(span, 100) for share in range(101)]
    starts = [place.start for place in places if place is not None]
    assert (starts[0], starts[-1]) == (5, 4 + length)
    assert starts == sorted(starts)
    assert set(starts) == set(range(5, 5 + length))


@pytest.mark.parametrize("rule", ["thought[0]", "thought[50%]", "mean(thought)"])
def test_without_its_span_every_rule_is_missing(rule: str) -> None:
    assert Rule.of(rule).tokens({SpanName.ANSWER: range(3, 8)}, 8) is None


@pytest.mark.parametrize("text", ["exact[-1]+1", "thought[12.5%]", "mean(final)", "answer[7]-2", "prompt[-1]"])
def test_a_rule_is_written_as_it_is_read(text: str) -> None:
    assert str(Rule.of(text)) == text
    assert Position.of(text).name == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("words[0]", "there is no span 'words'"),
        ("mean(words)", "there is no span 'words'"),
        ("mean()", "there is no span ''"),
        ("thought[101%]", "a share is 0% to 100%, not 101%"),
        ("thought[-5%]", "'-5%' is neither an index nor a share"),
        ("thought[]", "'' is neither an index nor a share"),
        ("thought[٣]", "'٣' is neither an index nor a share"),
        ("exact[-1]+", r"'\+' is no number of tokens such as \+1 or -2"),
        ("exact[-1]2", "'2' is no number of tokens"),
        ("exact[0][1]", r"'\[1\]' is no number of tokens"),
        ("mean(exact)+1", r"nothing may follow 'mean\(exact\)'"),
        ("mean(exact[0])", "there is no span"),
        ("answer[99999999999]", "is neither an index nor a share"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(text: str, why: str) -> None:
    allowed = r"expected a span \(prompt, answer, thought, final, exact, steps\) with an index"
    with pytest.raises(UsageError, match=rf"is no rule for a position \(.*{why}.*\): {allowed}"):
        Position.of(text)


def test_which_rules_may_lie_before_the_prompts_last_token() -> None:
    within = ["prompt[0]", "prompt[-2]", "prompt[50%]", "mean(prompt)", "prompt[-1]-1", "exact[0]-2", "exact[-1]-2"]
    outside = ["prompt[-1]", "prompt[-1]+3", "exact[0]-1", "answer[2]-3", "thought[50%]-1", "mean(answer)"]
    assert [text for text in (*within, *outside) if Rule.of(text).may_read_prompt] == within


def test_two_names_of_one_place_are_one_position() -> None:
    assert Position.of("exact[-1]") == Position.of("exact_answer_last")
    assert {Position.of("answer[-1]"): "kept"}[Position.of("-1")] == "kept"
    assert Position.of("exact[-1]").name == "exact[-1]"


def test_a_choice_is_names_rules_and_sets_each_once() -> None:
    chosen = chosen_positions(["exact[-1]", "thought[50%]", "paper", "exact_answer_last"])
    assert [str(p) for p in chosen[:3]] == ["exact[-1]", "thought[50%]", "last_q"]
    assert len(chosen) == 2 + len(PAPER) - 1
    assert chosen_positions(["paper"]) == PAPER
    with pytest.raises(UsageError, match=r"there is no position 'papers'.*or a set: paper, thought, along_thought"):
        chosen_positions(["papers"])


def test_the_sets_of_a_thought_end_with_the_final_parts_own() -> None:
    names = [str(position) for position in SETS["thought"]]
    assert names[:6] == ["last_q", "thought[0]", "thought[25%]", "thought[50%]", "thought[75%]", "thought[-1]"]
    assert names[6:8] == ["final[0]", "final[1]"]
    assert names[8:12] == [p.name for p in PAPER if p.group is Group.EXACT]
    assert names[12:] == [f"final[-{k}]" for k in range(8, 0, -1)]
    assert {f"thought[{share}%]" for share in range(10, 100, 10)} < {str(p) for p in SETS["along_thought"]}


def test_the_rows_of_a_group_stand_side_by_side() -> None:
    for rows in (POSITIONS, *SETS.values()):
        groups = [position.group for position in rows]
        changes = [a for a, b in pairwise(groups) if a is not b]
        assert len(changes) == len(set(groups)) - 1


@pytest.mark.parametrize(
    ("rule", "wording"),
    [
        ("thought[0]", "the first token of the thought"),
        ("thought[25%]", "the token 25 % of the way through the thought"),
        ("final[-3]", "token -3 of the final part"),
        ("exact[-1]+2", "the token 2 after the last token of the exact answer"),
        ("mean(final)", "the mean over the final part"),
    ],
)
def test_a_rule_is_told_in_plain_words(rule: str, wording: str) -> None:
    assert Position.of(rule).wording == wording
