"""A judge is asked once for the same text, over runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from truthmap.errors import ModelError
from truthmap.grading.reply_cache import CachedModel
from truthmap.records import Reply


@dataclass
class Model:
    """Replies to a prompt in capitals, and counts; it fails at a prompt `fail`."""

    identity: str = "one"
    asked: list[str] = field(default_factory=list)

    def replies(self, prompts: Sequence[str]) -> list[Reply]:
        if "fail" in prompts:
            raise ModelError("it is not there")
        self.asked.extend(prompts)
        return [Reply("" if prompt == "refused" else prompt.upper(), 10, 2) for prompt in prompts]


def test_a_text_is_asked_once_over_runs(tmp_path: Path) -> None:
    first, second = Model(), Model()
    assert CachedModel(first, tmp_path).ask(["a", "b", "a"]) == ["A", "B", "A"]
    later = CachedModel(second, tmp_path)
    assert later.ask(["b", "c", "a"]) == ["B", "C", "A"]
    assert (first.asked, second.asked) == (["a", "b"], ["c"])


def test_costs_count_what_was_asked_and_what_was_known(tmp_path: Path) -> None:
    model = CachedModel(Model(), tmp_path)
    model.ask(["a", "b", "a"])
    model.ask(["b", "c"])
    cost = model.cost()
    assert (cost.asked, cost.cached, cost.tokens_in, cost.tokens_out) == (3, 2, 30, 6)
    assert cost.seconds > 0


@pytest.mark.parametrize("other", ["two", "one "])
def test_another_model_is_asked_itself(other: str, tmp_path: Path) -> None:
    model = Model(other)
    CachedModel(Model(), tmp_path).ask(["a"])
    CachedModel(model, tmp_path).ask(["a"])
    assert model.asked == ["a"]


def test_what_was_not_answered_is_asked_again(tmp_path: Path) -> None:
    model = Model()
    cached = CachedModel(model, tmp_path)
    assert cached.ask(["refused"]) == cached.ask(["refused"]) == [""]
    assert model.asked == ["refused", "refused"]


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"text": 7}', b'{"text": "A", "more": 1}', b"\xff"])
def test_a_damaged_reply_is_asked_for_again(damage: bytes, tmp_path: Path) -> None:
    CachedModel(Model(), tmp_path).ask(["a"])
    (file,) = tmp_path.rglob("*.json")
    file.write_bytes(damage)
    model = Model()
    assert CachedModel(model, tmp_path).ask(["a"]) == ["A"]
    assert model.asked == ["a"]


def test_what_was_answered_before_a_failure_is_kept(tmp_path: Path) -> None:
    prompts = [f"p{n}" for n in range(40)]
    with pytest.raises(ModelError):
        CachedModel(Model(), tmp_path).ask([*prompts, "fail"])
    model = Model()
    CachedModel(model, tmp_path).ask(prompts)
    assert len(model.asked) < 20


def test_prompts_are_not_written_down(tmp_path: Path) -> None:
    CachedModel(Model(), tmp_path).ask(["a secret question"])
    assert all(b"a secret" not in file.read_bytes() for file in tmp_path.rglob("*.json"))
