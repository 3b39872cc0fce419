"""Laws of thoughts found by token ids: five formats, however the thought opens and closes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.thinkers import FORMATS, text_of, tokenizer_of, written

from truthmap.answer_parts import PromptEnd, TagTokens, final_answer, in_other_tokens, parted
from truthmap.grading.grade import grade
from truthmap.grading.token_spans import span_tokens
from truthmap.lm.thought_tags import ThoughtTags
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Answer, Outcome, Question

NAMES = tuple(FORMATS)
CITIES = tuple((name,) for name in ("Sydney", "Canberra", "Perth"))
QUESTION = Question("q", "What is the capital of Australia?", ("Canberra",), CITIES)
TASK = Task(GradingRule.CANDIDATES)


def graded(answer: Answer) -> tuple[str, str]:
    found = grade(QUESTION, answer, TASK)
    if found.span is not None:
        assert answer.text[found.span.start : found.span.end] == found.exact_answer
        tokens = span_tokens(answer, found.span)
        assert tokens is not None
        assert answer.final is not None
        assert answer.final.tokens is not None
        assert answer.final.tokens.start <= tokens.start
    return str(found.outcome), found.exact_answer


def thought_of(answer: Answer) -> str:
    assert answer.thought is not None
    characters = answer.thought.characters
    return "" if characters is None else answer.text[characters.start : characters.end]


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_thought_is_not_graded(name: str) -> None:
    form = FORMATS[name]
    start = "" if name == "deepseek_r1" else form.opening  # its prompt opens the thought
    answer = written(name, f"{start}\nCanberra or Sydney?\n{form.closing}\n\nIt is Sydney.")
    assert graded(answer) == ("wrong", "Sydney")
    assert thought_of(answer) == "Canberra or Sydney?"
    assert answer.thought is not None
    assert answer.thought.tokens is not None
    ids = answer.answer_ids[answer.thought.tokens.start : answer.thought.tokens.end]
    assert text_of(name, ids) == "Canberra or Sydney?"
    final = final_answer(answer)
    assert final.text == "It is Sydney."
    assert final.answer_ids == answer.answer_ids[-len("It is Sydney.") - 1 :]  # bytes, and the closing token
    assert final.prompt_ids + final.answer_ids == answer.prompt_ids + answer.answer_ids
    assert len(final.log_probs) == len(final.answer_ids) == len(final.offsets)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("finished", [True, False])
def test_an_unclosed_thought_is_unscored(name: str, finished: bool) -> None:
    start = "" if name == "deepseek_r1" else FORMATS[name].opening
    answer = written(name, f"{start}It is Canberra, or", finished=finished)
    found = grade(QUESTION, answer, TASK)
    assert (found.outcome, found.why, found.span) == (Outcome.UNSCORED, "cut_off_while_thinking", None)
    assert answer.is_cut_while_thinking
    assert final_answer(answer).answer_ids == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_may_open_the_thought(name: str) -> None:
    form = FORMATS[name]
    answer = written(name, f"Sydney? No.{form.closing}Canberra.", form.prefilled)
    assert graded(answer) == ("right", "Canberra")
    assert thought_of(answer) == "Sydney? No."
    cut = written(name, "Canberra", form.prefilled, finished=False)
    assert grade(QUESTION, cut, TASK).why == "cut_off_while_thinking"


@pytest.mark.parametrize("name", NAMES)
def test_thoughts_may_stand_in_thoughts_and_come_again(name: str) -> None:
    form = FORMATS[name]
    start, again = "" if name == "deepseek_r1" else form.opening, f"<|end|><|start|>assistant{form.opening}"
    inner = again if name == "gpt_oss" else form.opening
    nested = {"gpt_oss": f"{start}Sydney?{inner}Perth?{form.closing}Canberra."}.get(
        name, f"{start}Sydney?{inner}Perth?{form.closing} Perth.{form.closing}Canberra."
    )
    assert graded(written(name, nested)) == ("right", "Canberra")
    several = f"{start}Sydney?{form.closing}Perth.\n{inner}No, not that.{form.closing}Canberra."
    assert graded(written(name, several)) == ("right", "Canberra")


@pytest.mark.parametrize("name", [n for n in NAMES if n != "deepseek_r1"])
def test_an_answer_without_a_thought_is_its_final_part(name: str) -> None:
    answer = written(name, " It is Canberra.")
    assert answer.thought is None
    assert graded(answer) == ("right", "Canberra")
    assert final_answer(answer) == answer
    assert answer.final is not None
    assert answer.final.tokens is not None
    assert answer.final.tokens.start == 0


def test_a_prompt_that_closes_the_thought_is_answered_at_once() -> None:
    answer = written("qwen3", "Canberra. A lone </think> opens nothing: Sydney.", "<think>\n\n</think>\n\n")
    assert answer.thought is None
    assert graded(answer) == ("right", "Canberra")


def test_a_tag_that_is_spelled_out_is_spoken_of() -> None:
    tokenizer = tokenizer_of("qwen3")
    tags = ThoughtTags("m", tokenizer).tokens
    spelled = tokenizer("</think", add_special_tokens=False)["input_ids"], tokenizer(">")["input_ids"]
    answer = written("qwen3", "<think>Sydney?</think>Canberra. ")
    ids = (*answer.answer_ids[:-1], *spelled[0], *spelled[1], *tokenizer(" Perth.")["input_ids"])
    assert ids.count(tokenizer.convert_tokens_to_ids("</think>")) == 1
    assert tokenizer.convert_tokens_to_ids("</think>") in tags.written
    again = parted(
        Answer("q", (), ids, tokenizer.decode(ids), (), tuple(_each_byte(tokenizer, ids)), True),
        tags,
        PromptEnd(),
    )
    assert final_answer(again).text == "Canberra. </think> Perth."


def _each_byte(tokenizer: object, ids: tuple[int, ...]) -> list[tuple[int, int]]:
    from truthmap.lm.offsets import token_offsets

    return list(token_offsets(tokenizer, ids))  # type: ignore[arg-type]


def test_the_tags_of_a_new_family_are_found_in_its_tokenizer() -> None:
    from tokenizers import AddedToken

    tokenizer = type(tokenizer_of("qwen3"))(
        tokenizer_object=tokenizer_of("mistral").backend_tokenizer, eos_token="</s>", pad_token="</s>"
    )
    tokenizer.add_tokens(
        [AddedToken("<|deep_thought_start|>"), AddedToken("<|deep_thought_end|>")], special_tokens=True
    )
    ids = tokenizer("<|deep_thought_start|>Perth<|deep_thought_end|>Canberra", add_special_tokens=False)["input_ids"]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    answer = Answer("q", (), tuple(ids), text, (), tuple(_each_byte(tokenizer, tuple(ids))), True)
    assert text == "PerthCanberra"
    assert final_answer(ThoughtTags("new", tokenizer).part(answer)).text == "Canberra"


def test_an_answer_that_knows_its_parts_keeps_them() -> None:
    answer = written("qwen3", "<think>Sydney?</think>Canberra.")
    assert parted(answer, TagTokens()) == answer


def test_parts_are_found_again_in_other_tokens() -> None:
    answer = written("qwen3", "<think>Sydney? Perth?</think>Canberra.")
    ends = range(1, len(answer.offsets), 2)
    pairs = [(answer.offsets[n - 1][0], answer.offsets[n][1]) for n in ends]
    other = in_other_tokens(replace(answer, answer_ids=tuple(range(len(pairs))), offsets=tuple(pairs)))
    assert other.thought is not None
    assert other.thought.tokens is not None
    assert other.thought.tokens.end - other.thought.tokens.start < len("Sydney? Perth?") // 2 + 2
    assert final_answer(other).text == "Canberra."
    assert in_other_tokens(answer) == answer
