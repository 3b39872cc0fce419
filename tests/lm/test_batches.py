"""Batches keep to their budget, lose nothing, and are about equally heavy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from truthmap.lm.batches import cut_into_batches


def fewest(lengths: list[int], budget: int) -> int:
    """The least number of batches, by trying every cut."""
    best = [0]
    for end in range(1, len(lengths) + 1):
        fits = (s for s in range(end) if end - s == 1 or (end - s) * lengths[end - 1] <= budget)
        best.append(1 + min(best[s] for s in fits))
    return best[-1]


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 300))
def test_every_sequence_is_in_one_of_the_fewest_batches(lengths: list[int], budget: int) -> None:
    lengths.sort()
    batches = cut_into_batches(lengths, budget)
    assert [place for batch in batches for place in batch] == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch[-1]] <= budget
    assert len(batches) == fewest(lengths, budget)


def test_no_small_batch_is_left_at_the_end() -> None:
    assert [len(batch) for batch in cut_into_batches([69] * 128, 8192)] == [64, 64]
    assert [len(batch) for batch in cut_into_batches([64] * 128, 8192)] == [128]


def test_one_very_long_sequence_leaves_the_others_together() -> None:
    assert [len(batch) for batch in cut_into_batches([10] * 127 + [8000], 8192)] == [127, 1]
