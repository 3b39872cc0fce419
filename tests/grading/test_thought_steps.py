"""Where the steps of a thought end, and which tokens end them."""

from __future__ import annotations

import pytest

from truthmap.answer_parts import parted
from truthmap.errors import UsageError
from truthmap.grading.thought_steps import step_ends
from truthmap.grading.token_spans import locate_ranges
from truthmap.positions import MISSING, Position
from truthmap.records import Answer


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("First I add.\nThen I stop.\n\nSo 3. Or 4.", ["First I add.\nThen I stop.", "So 3. Or 4."]),
        ("First I add.\nThen I stop. Or not.", ["First I add.", "Then I stop. Or not."]),
        ("First I add 3.5 and 2. Then I stop", ["First I add 3.5 and 2.", "Then I stop"]),
        ("One", ["One"]),
        ("One\n \n\n\nTwo\n\n", ["One", "Two"]),
        ("", []),
    ],
)
def test_steps_are_paragraphs_else_lines_else_sentences(text: str, steps: list[str]) -> None:
    ends = step_ends(text)
    assert [text[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)] == steps


def thinking(*pieces: str) -> Answer:
    """An answer with a token for each piece, to a prompt of two tokens."""
    starts = [sum(map(len, pieces[:n])) for n in range(len(pieces))]
    offsets = tuple((start, start + len(piece)) for start, piece in zip(starts, pieces, strict=True))
    ids = tuple(range(10, 10 + len(pieces)))
    return parted(Answer("q", (1, 2), ids, "".join(pieces), (), offsets, finished=True))


def test_positions_at_steps_are_the_tokens_that_end_them() -> None:
    answer = thinking("<think>", "So", " Peru", ".\n\n", "Or", " France", "?", "</think>", " Peru")
    positions = [Position.of(rule) for rule in ("steps[0]", "steps[1]", "steps[-1]", "steps[2]", "steps[0]+1")]
    found = locate_ranges(answer, None, positions)[:, 0].tolist()
    assert found == [5, 8, 8, MISSING, 6]


def test_an_answer_that_does_not_think_has_no_steps() -> None:
    answer = thinking("It", " is", " Peru", ".")
    assert locate_ranges(answer, None, [Position.of("steps[0]")]).tolist() == [[MISSING, MISSING]]


def test_a_mean_over_ends_of_steps_is_refused() -> None:
    with pytest.raises(UsageError, match=r"ends of steps are no span to take a mean over: take mean\(thought\)"):
        Position.of("mean(steps)")
