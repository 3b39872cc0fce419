"""Questions that are conversations: how they were put is sealed, and only what is put the same way is as trained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truthmap.detector.caveats import Caveat
from truthmap.detector.config import AskingConfig
from truthmap.detector.detector import Detector
from truthmap.detector.training_data import has_context, training_turns
from truthmap.questions.tasks import Example, Task
from truthmap.records import Message, Question
from truthmap.server.parse_request import model_id, parse_request
from truthmap.server.requests import ChatMessage, ChatRequest
from truthmap.server.serve_settings import ServeSettings

SYSTEM = Message("system", "Be brief.")
BEFORE = (Message("user", "Which city?"), Message("assistant", "Paris."))
QUESTION = "Which 1 is 31?"


def sealed_with(detector: Detector, task: Task | None = None, **asking: object) -> Detector:
    """Return the detector as if the run had put its questions in another way."""
    own: AskingConfig = detector.config.asking
    changed = own.model_copy(update={"task": own.task if task is None else task, **asking})
    config = detector.config.model_copy(update={"asking": changed})
    return replace(detector, artifact=replace(detector.artifact, config=config))


def served(detector: Detector, *messages: Message) -> bool:
    """Tell whether the server asks a conversation as in training."""
    said = tuple(ChatMessage.model_validate({"role": m.role, "content": m.content}) for m in messages)
    request = ChatRequest(model=model_id(detector), messages=said)
    scorer = parse_request(request, detector, ServeSettings()).scorer
    for _ in detector.stream_batch([scorer]):
        pass
    return scorer.verdict().asked_as_trained


def with_opening(detector: Detector) -> Detector:
    task = replace(
        detector.config.asking.task,
        system_prompt=SYSTEM.content,
        examples=(Example("Which country?", "Peru."),),
        chat_prompt="Say: {text}",
    )
    return sealed_with(detector, task)


OPENING = (SYSTEM, Message("user", "Say: Which country?"), Message("assistant", "Peru."))


@pytest.mark.parametrize(
    ("said", "as_trained"),
    [
        ((Message("user", QUESTION),), True),
        ((*OPENING, Message("user", f"Say: {QUESTION}")), True),
        ((replace(SYSTEM, role="developer"), *OPENING[1:], Message("user", f"Say: {QUESTION}")), True),
        ((SYSTEM, Message("user", QUESTION)), False),
        ((Message("system", "Be wordy."), *OPENING[1:], Message("user", f"Say: {QUESTION}")), False),
        ((*OPENING[:2], Message("assistant", "Chile."), Message("user", f"Say: {QUESTION}")), False),
    ],
)
def test_a_conversation_with_the_runs_opening_is_as_trained(
    tiny_detector: Detector, said: tuple[Message, ...], as_trained: bool
) -> None:
    assert served(with_opening(tiny_detector), *said) is as_trained


@pytest.mark.parametrize(
    ("turns", "said", "as_trained"),
    [
        (("user", "assistant"), (*BEFORE, Message("user", QUESTION)), True),
        (("user", "assistant"), (Message("user", QUESTION),), False),
        (("user", "assistant"), (SYSTEM, *BEFORE, Message("user", QUESTION)), False),
        (("system",), (SYSTEM, Message("user", QUESTION)), True),
        ((), (*BEFORE, Message("user", QUESTION)), False),
    ],
)
def test_a_conversation_is_as_trained_where_the_questions_were_such(
    tiny_detector: Detector, turns: tuple[str, ...], said: tuple[Message, ...], as_trained: bool
) -> None:
    assert served(sealed_with(tiny_detector, turns=(turns,)), *said) is as_trained


def test_a_detector_puts_the_turns_before_the_question(tiny_detector: Detector) -> None:
    question = tiny_detector.question(QUESTION, turns=BEFORE)
    messages = [{"role": m.role, "content": m.content} for m in (*BEFORE, Message("user", QUESTION))]
    assert tiny_detector.prompt_ids(question) == tiny_detector.lm.prompt_encoder.chat_ids(messages)
    assert Caveat.OTHER_PROMPT in tiny_detector.ask(question).caveats


def test_a_question_without_its_context_is_not_as_trained(tiny_detector: Detector) -> None:
    trained = sealed_with(tiny_detector, context=True)
    question = trained.question(QUESTION)
    assert Caveat.OTHER_PROMPT in trained.ask(question).caveats
    assert trained.ask(replace(question, context="Paris is a city.")).asked_as_trained


def test_what_is_sealed_of_the_training_questions() -> None:
    single, several = Question("a", "?"), Question("b", "?", turns=BEFORE, context="x")
    assert training_turns([several, single, several]) == ((), ("user", "assistant"))
    assert [has_context(q) for q in ([single], [several], [single, several])] == [False, True, None]


@pytest.mark.parametrize(
    ("prompt", "message", "text"),
    [
        ("{text}", "Which?", "Which?"),
        ("Say: {text} Now.", "Say: Which? Now.", "Which?"),
        ("Say: {text}", "Which?", "Which?"),
        ("{context} {text}", "Read. Which?", "Read. Which?"),
        ("Say: {text}", "Say: ", "Say: "),
    ],
)
def test_the_question_in_a_message_is_the_one_it_was_made_of(
    tiny_detector: Detector, prompt: str, message: str, text: str
) -> None:
    assert replace(tiny_detector.config.asking.task, chat_prompt=prompt).asked_in(message) == text
