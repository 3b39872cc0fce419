"""The table of positions: rules say where a position is, and everything else about it stands in its row."""

from __future__ import annotations

import pickle

import pytest
from pydantic import BaseModel, ValidationError

from truthmap.errors import UsageError
from truthmap.positions import (
    LEGACY_POSITIONS,
    PAPER,
    POSITIONS,
    Group,
    Position,
    SpanName,
    column_of,
    columns_in,
    each_once,
)
from truthmap.records import Site, Span

# Three tokens of prompt, five of answer; the exact answer is the answer's second and third.
SPANS = {SpanName.PROMPT: range(3), SpanName.ANSWER: range(3, 8), SpanName.EXACT: range(4, 6)}


@pytest.mark.parametrize(
    ("rule", "token"),
    [
        ("prompt[-1]", 2),
        ("prompt[0]", 0),
        ("answer[0]", 3),
        ("answer[4]", 7),
        ("answer[5]", None),
        ("answer[-5]", 3),
        ("answer[-6]", None),
        ("exact[0]-1", 3),
        ("exact[0]-4", 0),
        ("exact[0]-5", None),
        ("exact[-1]", 5),
        ("exact[-1]+2", 7),
        ("exact[-1]+3", None),
        ("exact[2]", None),
    ],
)
def test_a_rule_names_one_token_or_none(rule: str, token: int | None) -> None:
    assert Position.of(rule).rule.tokens(SPANS, 8) == (None if token is None else Span(token, token + 1))


def test_a_rule_of_a_span_that_is_not_there_is_missing() -> None:
    assert Position.of("exact[0]").rule.tokens({SpanName.ANSWER: range(3, 8)}, 8) is None


@pytest.mark.parametrize("text", ["", "answer", "answer[]", "words[0]", "answer[0]+", "exact[1.5]", " exact[0]"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"a span \(prompt, answer, thought, final, exact, steps\) with an index"):
        Position.of(text)


def test_the_papers_columns_are_in_the_figures_order() -> None:
    assert " ".join(map(str, PAPER)) == (
        "last_q first_answer second_answer exact_answer_before_first exact_answer_first exact_answer_last "
        "exact_answer_after_last -8 -7 -6 -5 -4 -3 -2 -1"
    )
    assert len(LEGACY_POSITIONS) == 15
    assert [PAPER[n] for n in columns_in(PAPER, Group.EXACT)] == list(PAPER[3:7])


def test_every_row_has_a_name_and_a_wording_of_its_own() -> None:
    assert len({position.name for position in POSITIONS}) == len(POSITIONS)
    assert len({position.wording for position in POSITIONS}) == len(POSITIONS)


def test_which_positions_every_answer_has_and_which_are_known_early() -> None:
    assert [p.name for p in POSITIONS if p.in_every_answer] == ["last_q", "first_answer", "-1"]
    late = [f"final[-{k}]" for k in range(8, 0, -1)] + [f"-{k}" for k in range(8, 0, -1)]
    assert [p.name for p in POSITIONS if not p.known_early] == late
    by_rule = ["answer[50%]", "mean(answer)", "mean(final)", "thought[50%]", "mean(exact)"]
    assert [text for text in by_rule if Position.of(text).in_every_answer] == ["answer[50%]", "mean(answer)"]
    assert [text for text in by_rule if Position.of(text).known_early] == ["thought[50%]", "mean(exact)"]


def test_a_name_finds_its_row_and_others_are_refused() -> None:
    assert [Position.of(position.name) for position in POSITIONS] == list(POSITIONS)
    with pytest.raises(UsageError, match=r"there is no position 'middle'; there are last_q, first_answer, "):
        Position.of("middle")
    with pytest.raises(UsageError, match=r"there is no position -1 here; there are last_q"):
        column_of(PAPER[:1], Position.of("-1"))
    assert each_once(["-1", "last_q", "-1"]) == (Position.of("-1"), Position.of("last_q"))


def test_a_position_is_its_name_in_models_and_pickles() -> None:
    class Model(BaseModel):
        position: Position

    made = Model(position=Position.of("-1"))
    assert made.model_dump(mode="json") == {"position": "-1"}
    assert Model.model_validate_json(made.model_dump_json()) == Model.model_validate({"position": "-1"}) == made
    assert Model.model_json_schema()["properties"]["position"]["type"] == "string"
    with pytest.raises(ValidationError, match="there is no position 'middle'"):
        Model.model_validate({"position": "middle"})
    assert pickle.loads(pickle.dumps(made.position)) == made.position


def test_the_former_name_of_a_site_still_means_it() -> None:
    class Model(BaseModel):
        site: Site

    assert Site("mlp_in") is Site.MLP_POST
    assert str(Model.model_validate_json('{"site": "mlp_in"}').site) == "mlp_post"
    with pytest.raises(ValueError, match="'mlp_out' is not a valid Site"):
        Site("mlp_out")
