"""Data sets of the hub, through a stand-in for the `datasets` library: no test may reach for a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from truthmap.errors import QuestionsError
from truthmap.questions.hub_reader import HubName, hub_name
from truthmap.questions.loading import QuestionSettings, load_questions


class Stream:
    """An iterable data set: rows, shuffled and taken from the front."""

    def __init__(self, rows: list[dict[str, Any]], fault_after: int | None = None) -> None:
        self.rows, self.fault_after, self.shuffled = rows, fault_after, False

    def shuffle(self, seed: int, buffer_size: int) -> Stream:
        assert buffer_size > 0
        self.shuffled = True
        return self

    def take(self, n: int) -> Stream:
        return Stream(self.rows[:n], self.fault_after)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, row in enumerate(self.rows):
            if number == self.fault_after:
                raise ConnectionError("the connection\nwas lost")
            yield row


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Put a stand-in in the place of `datasets`; it notes how it was called and gives the stream at `stream`."""
    calls: dict[str, Any] = {}

    def load_dataset(name: str, config: str | None, **rest: Any) -> Stream:
        calls.update(name=name, config=config, **rest)
        return calls["stream"]

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("owner/name", HubName("owner/name")),
        ("hub:owner/na.me-2", HubName("owner/na.me-2")),
        ("owner/name:config", HubName("owner/name", "config")),
        ("owner/name:config:test", HubName("owner/name", "config", "test")),
        ("owner/name::test[:10%]", HubName("owner/name", None, "test[:10%]")),
        ("owner/name@main:config:test", HubName("owner/name", "config", "test", "main")),
        ("name", None),
        ("../name; rm", None),
        ("a/b/c", None),
    ],
)
def test_names_of_the_hub_are_read(text: str, name: HubName | None) -> None:
    assert hub_name(text) == name


def test_a_hub_data_set_is_streamed_and_its_code_not_run(hub: dict[str, Any]) -> None:
    hub["stream"] = Stream([{"question": f"What is {n}?", "answer": str(n)} for n in range(50)])
    found = load_questions("owner/name:config:test", QuestionSettings(limit=7))
    assert len(found.questions) == 7
    del hub["stream"]
    assert hub == {"name": "owner/name", "config": "config", "split": "test", "revision": None, "streaming": True}


def test_a_study_set_asks_for_its_own_configuration_and_split(hub: dict[str, Any]) -> None:
    hub["stream"] = Stream([{"text": "A bore.", "label": 0}, {"text": "A joy.", "label": 1}])
    found = load_questions("imdb", QuestionSettings(split="test"))
    assert [question.accepted for question in found.questions] == [("negative",), ("positive",)]
    assert (hub["name"], hub["config"], hub["split"]) == ("stanfordnlp/imdb", None, "test")


def test_a_large_set_is_read_from_the_front_of_a_shuffled_stream(hub: dict[str, Any]) -> None:
    stream = hub["stream"] = Stream([])
    with pytest.raises(QuestionsError, match="natural_questions_with_context holds no questions"):
        load_questions("natural_questions_with_context")
    assert stream.shuffled


def test_a_hub_that_cannot_be_read_is_one_line_with_its_name(hub: dict[str, Any]) -> None:
    hub["stream"] = Stream([{"question": "What?", "answer": "x"}] * 3, fault_after=2)
    with pytest.raises(
        QuestionsError,
        match=r"^owner/name, split train cannot be read from the hub: ConnectionError: the connection was lost$",
    ):
        load_questions("owner/name", QuestionSettings(skip_bad=True))


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(QuestionsError, match=r"needs the extra hub: pip install 'truthmap\[hub\]'"):
        load_questions("triviaqa")
