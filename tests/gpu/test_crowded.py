"""A batch that does not fit into the device's memory is halved, and nothing else changes."""

from __future__ import annotations

import torch
from benchmarks.gpu.crowded import Halving, faults_of, run_out_of_memory
from benchmarks.gpu.size import FULL


def test_running_out_of_memory_changes_no_answer_and_no_state(cuda: torch.device) -> None:
    assert run_out_of_memory(cuda, FULL.crowded, FULL.crowd).faults == []


def test_what_halving_must_not_change_is_told() -> None:
    count = FULL.crowd.count
    assert faults_of(Halving("reading", 1, (count // 2, count // 2), count, 1e-6), FULL.crowd) == []
    assert faults_of(Halving("reading", 1, (count,), count - 3, 0.5), FULL.crowd) == [
        f"reading: parts of ({count},) for {count} answers",
        "reading: 3 answers changed",
        "reading: states differ by 0.5",
    ]
