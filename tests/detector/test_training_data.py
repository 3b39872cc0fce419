"""What is sealed of the training answers besides their states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truthmap.detector.training_data import closing_token
from truthmap.records import Answer

CLOSED = Answer("q", (1, 2), (7, 0), "yes", (-0.1, -0.2), ((0, 3), (3, 3)), finished=True)


@pytest.mark.parametrize(
    ("answers", "token"),
    [
        ([CLOSED, replace(CLOSED, answer_ids=(7, 5)), CLOSED], 0),
        ([replace(CLOSED, finished=False)], None),
        ([replace(CLOSED, log_probs=())], None),
        ([], None),
    ],
)
def test_the_closing_token_is_that_of_most_generated_answers(answers: list[Answer], token: int | None) -> None:
    assert closing_token(answers) == token
