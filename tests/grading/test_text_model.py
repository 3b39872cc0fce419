"""The endpoint that judges or locates, against a server on the loopback address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.scripted import Scripted, Server, scripted

from truthmap.errors import ModelError, UsageError
from truthmap.grading.text_model import KEY_VARIABLE, EndpointTextModel, read_completion, read_reply_body
from truthmap.records import Reply


@pytest.fixture
def statuses() -> list[int]:
    """What the endpoint answers with, in turn; afterwards always with 200."""
    return []


@pytest.fixture
def server(statuses: list[int]) -> Iterator[Server]:
    def judge(_path: str, content: Any) -> Scripted:
        status = statuses.pop(0) if statuses else 200
        if status == 302:
            return Scripted(status, headers={"Location": "http://127.0.0.1:9/stolen"})
        said = f"echo {content['messages'][0]['content']}"
        return Scripted(status, {"choices": [{"message": {"content": said}}]} if status == 200 else {})

    with scripted(judge) as running:
        yield running


def endpoint(server: Server, **settings: Any) -> tuple[EndpointTextModel, list[float]]:
    waits: list[float] = []
    return EndpointTextModel(server.url, "some-model", sleep=waits.append, **settings), waits


def test_prompts_are_answered_in_order_with_temperature_0(server: Server) -> None:
    text_model, _ = endpoint(server)
    assert text_model.ask([f"p{n}" for n in range(9)]) == [f"echo p{n}" for n in range(9)]
    assert {content["temperature"] for content in server.sent} == {0}
    assert {content["model"] for content in server.sent} == {"some-model"}
    assert {content["max_tokens"] for content in server.sent} == {48}


def test_passing_faults_are_tried_again_with_growing_waits(server: Server, statuses: list[int]) -> None:
    statuses += [429, 503]
    text_model, waits = endpoint(server, parallel=1)
    assert text_model.ask(["p"]) == ["echo p"]
    assert waits == [1.0, 2.0]


def test_tries_are_bounded_and_the_message_says_what_to_do(server: Server, statuses: list[int]) -> None:
    statuses += [500] * 10
    text_model, _ = endpoint(server, parallel=1, tries=3)
    with pytest.raises(ModelError, match=rf"gave no answer \(status 500, 3 tries\).*{KEY_VARIABLE}"):
        text_model.ask(["p"])
    assert len(server.sent) == 3


def test_a_refused_key_is_not_tried_again(server: Server, statuses: list[int]) -> None:
    statuses += [401]
    with pytest.raises(ModelError, match=r"status 401, 1 tries"):
        endpoint(server)[0].ask(["p"])
    assert len(server.sent) == 1


def test_a_prompt_that_is_refused_has_no_reply(server: Server, statuses: list[int]) -> None:
    statuses += [400]
    assert endpoint(server, parallel=1)[0].ask(["too long", "p"]) == ["", "echo p"]


def test_an_endpoint_that_is_not_there_is_named(server: Server) -> None:
    text_model = EndpointTextModel("http://127.0.0.1:9/v1", "m", tries=2, timeout=1, sleep=lambda _: None)
    with pytest.raises(ModelError, match=r"http://127.0.0.1:9/v1 gave no answer"):
        text_model.ask(["p"])


def test_the_key_is_the_environments_and_follows_no_redirect(
    server: Server, statuses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret-1")
    statuses += [200, 302]
    text_model, _ = endpoint(server, parallel=1)
    text_model.ask(["p"])
    assert server.keys == ["Bearer secret-1"]
    with pytest.raises(ModelError, match="status 302") as caught:
        text_model.ask(["p"])
    assert "secret-1" not in str(caught.value) + repr(text_model)


def test_names_of_endpoints_are_read_and_others_refused() -> None:
    found = EndpointTextModel.of("http://127.0.0.1:8000/v1/#org/model-7b")
    assert (found.url, found.model) == ("http://127.0.0.1:8000/v1", "org/model-7b")
    for name in ("http://127.0.0.1/v1", "file:///etc/passwd#m", "ftp://host/v1#m", "http:///v1#m"):
        with pytest.raises(UsageError, match="names no endpoint"):
            EndpointTextModel.of(name)
    with pytest.raises(UsageError, match=KEY_VARIABLE):
        EndpointTextModel.of("http://me:secret@host/v1#m")


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": 7}}]}', b"[" * 99999],
)
def test_a_body_that_is_no_completion_is_an_empty_reply(body: bytes) -> None:
    assert read_completion(body) == ""


SCHEMA = {"name": "verdict", "strict": True, "schema": {"type": "object"}}


def structured_server(takes_schema: bool) -> Any:
    """Return the script of an endpoint that takes a JSON schema, or refuses it as it refuses a prompt `too long`."""

    def judge(_path: str, content: Any) -> Scripted:
        prompt = content["messages"][0]["content"]
        if prompt == "too long" or ("response_format" in content and not takes_schema):
            return Scripted(400, {"error": {"message": "unknown field response_format"}})
        said = '{"verdict": "right"}' if "response_format" in content else f"plain {prompt}"
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        return Scripted(200, {"choices": [{"message": {"content": said}}], "usage": usage})

    return judge


def test_a_schema_is_sent_in_openais_form() -> None:
    with scripted(structured_server(takes_schema=True)) as running:
        assert endpoint(running, schema=SCHEMA)[0].ask(["p"]) == ['{"verdict": "right"}']
        assert running.sent[0]["response_format"] == {"type": "json_schema", "json_schema": SCHEMA}


def test_an_endpoint_that_takes_no_schema_is_asked_plainly() -> None:
    with scripted(structured_server(takes_schema=False)) as running:
        text_model = endpoint(running, schema=SCHEMA, parallel=1)[0]
        assert text_model.ask(["p", "too long", "q"]) == ["plain p", "", "plain q"]
        assert [("response_format" in sent) for sent in running.sent] == [True] * 3 + [False] * 3


def test_tokens_are_counted_as_the_endpoint_tells_them() -> None:
    with scripted(structured_server(takes_schema=True)) as running:
        assert endpoint(running)[0].replies(["p"]) == [Reply("plain p", 7, 3)]


@pytest.mark.parametrize(
    "usage", [None, [], {}, {"prompt_tokens": "7"}, {"prompt_tokens": -1, "completion_tokens": 1.5}]
)
def test_an_endpoint_that_tells_no_tokens_costs_none(usage: Any) -> None:
    body = json.dumps({"choices": [{"message": {"content": "right"}}], "usage": usage}).encode()
    assert read_reply_body(body) == Reply("right", 0, 0)


def test_replies_of_another_form_are_another_models() -> None:
    one = EndpointTextModel("http://h/v1", "m")
    others = [replace(one, schema=SCHEMA), replace(one, model="n"), replace(one, url="http://i/v1")]
    assert len({model.identity for model in (one, *others)}) == 4
    assert replace(one, parallel=9).identity == one.identity
