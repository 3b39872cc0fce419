"""A chat template asks the same question today and tomorrow, in its own words, or is refused in one line."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from tokenizers import Regex
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Split

from truthmap.errors import ModelError, UsageError
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import DATE, LoadSettings
from truthmap.lm.model import LanguageModel
from truthmap.records import Message
from truthmap.study.sections import ModelSection
from truthmap.study.stage_keys import stage_keys
from truthmap.study.stage_settings import load_settings
from truthmap.study.study import Study, kept_settings

ASKED = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
DATED = "{%- if strftime_now is defined %}{{ strftime_now('%d %b %Y, %H:%M, %A') }}{% endif %} " + ASKED
TEXT = "In which country is Paris?"


def with_template(folder: Path, template: str, date: str = DATE) -> LanguageModel:
    lm = load_model(str(folder), LoadSettings(date=date))
    lm.tokenizer.chat_template = template
    return lm


@pytest.mark.parametrize(
    ("date", "told"),
    [
        (DATE, "26 Jul 2024, 00:00, Friday"),
        ("2031-01-02", "02 Jan 2031, 00:00, Thursday"),
    ],
)
def test_a_template_is_told_the_day_of_the_study(tiny_model: Path, date: str, told: str) -> None:
    lm = with_template(tiny_model, DATED, date)
    assert lm.tokenizer.decode(lm.prompt_ids(TEXT)).strip() == f"{told} {TEXT}"


def test_an_alias_of_the_clock_tells_the_same_day(tiny_model: Path) -> None:
    lm = with_template(tiny_model, "{% set now = strftime_now %}{{ now('%Y') }} " + ASKED, "2031-01-02")
    assert lm.tokenizer.decode(lm.prompt_ids(TEXT)) == f"2031 {TEXT}"


def test_every_format_is_that_of_the_day(tiny_model: Path) -> None:
    formats = ["%d.%-d.%m.%y", "100%% of %A, %B %-d", "%H:%M:%S %p %j %U", "%", "a%", "%Q %! é", "{{ x }}", "%^a %_d"]
    written = "".join(f"[{{{{ strftime_now({text!r}) }}}}]" for text in formats)
    lm = with_template(tiny_model, written + ASKED, "2031-01-02")
    day = datetime.fromisoformat("2031-01-02")
    expected = "".join(f"[{day.strftime(text)}]" for text in formats)
    assert lm.tokenizer.decode(lm.prompt_ids(TEXT)) == expected + TEXT


@pytest.mark.parametrize("start", ["", "\n", "  \n x", "{%- if true %}\ny{% endif %}\n"])
def test_the_clock_adds_nothing_to_a_prompt(tiny_model: Path, start: str) -> None:
    plain = with_template(tiny_model, start + ASKED)
    clocked = with_template(tiny_model, start + ASKED + "{% if false %}{{ strftime_now('%d') }}{% endif %}")
    assert clocked.prompt_ids(TEXT) == plain.prompt_ids(TEXT)


SEEING = (
    "{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}:{% else %}: {% endif %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% elif part['type'] == 'image' %}<image>{% endif %}{% endfor %}<eos>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""The form in which templates of models that see are published: what is said is a list of parts."""
STRICT = (
    "{% for m in messages %}{{ m.content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join }}"
    "{% endfor %}"
)


def test_a_template_of_parts_is_asked_as_one_of_texts(tiny_model: Path) -> None:
    lm = with_template(tiny_model, SEEING)
    assert lm.prompt_encoder.takes_parts
    opening = (Message("user", "Which?"), Message("assistant", "Peru."))
    asked = lm.prompt_ids(TEXT, opening=opening)
    assert lm.tokenizer.decode(asked) == f"User: Which?<eos>\nAssistant: Peru.<eos>\nUser: {TEXT}<eos>\nAssistant:"
    assert lm.closing_id == lm.tokenizer.eos_token_id
    written = lm.prompt_ids("<eos> is it?")
    assert list(written).count(lm.tokenizer.eos_token_id) == 1, "a control token in a question stays text"


def test_a_template_that_fails_on_texts_is_asked_in_parts(tiny_model: Path) -> None:
    lm = with_template(tiny_model, STRICT)
    assert lm.tokenizer.decode(lm.prompt_ids(TEXT)) == TEXT


def test_a_template_that_shows_texts_is_given_texts(tiny_model: Path) -> None:
    both = (
        "{% for m in messages %}{% if m['content'] is string %}{{ m['content'] }}{% else %}parts{% endif %}{% endfor %}"
    )
    assert not with_template(tiny_model, both).prompt_encoder.takes_parts


def test_the_template_of_a_processor_is_found_beside_the_tokenizer(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    assert load_model(str(folder)).tokenizer.chat_template is None
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": SEEING}))
    assert load_model(str(folder)).tokenizer.chat_template == SEEING
    (folder / "chat_template.json").write_text("[]")
    with pytest.raises(ModelError, match="holds no chat_template"):
        load_model(str(folder))


def test_the_day_is_part_of_the_identity_where_it_is_named(tiny_model: Path) -> None:
    today, later = (with_template(tiny_model, DATED, date).identity()["template"] for date in (DATE, "2031-01-02"))
    assert today != later
    same, still = (with_template(tiny_model, ASKED, date).identity()["template"] for date in (DATE, "2031-01-02"))
    assert same == still


def test_the_day_is_a_setting_of_the_study() -> None:
    study = Study(date="2031-01-02")
    assert kept_settings(study)["model"]["date"] == "2031-01-02"
    assert kept_settings(Study())["model"]["date"] == DATE
    assert load_settings(study).date == "2031-01-02"
    assert stage_keys(study)["answers"] != stage_keys(Study())["answers"]
    assert stage_keys(study)["questions"] == stage_keys(Study())["questions"]


@pytest.mark.parametrize("date", ["today", "2024-02-30", "2024-7-6", "20240726", "2024-07-26T00:00", "", "0000-01-01"])
def test_what_is_no_day_is_refused(date: str) -> None:
    with pytest.raises(UsageError, match="--date: expected a day such as 2024-07-26"):
        Study(date=date)


def test_yaml_may_read_a_day_as_a_date() -> None:
    assert ModelSection(**yaml.safe_load("date: 2031-01-02")).date == "2031-01-02"


@pytest.mark.parametrize(
    "template",
    [
        "no question",
        "{{ messages[0]['role'] }}",
        "{% for m in messages if m['role'] == 'system' %}{{ m['content'] }}{% endfor %}",
        "{% for m in messages %}{{ m['content'][:10] }}{% endfor %}",
        "{% for m in messages %}{{ m['content'] | upper }}{% endfor %}",
    ],
)
def test_a_template_without_the_question_is_refused(tiny_model: Path, template: str) -> None:
    with pytest.raises(
        ModelError, match=r"does not put the question into the prompt as it is worded.*use prompt_format"
    ):
        with_template(tiny_model, template).prompt_ids(TEXT)


def test_a_template_may_trim_and_fold_blanks(tiny_model: Path) -> None:
    lm = with_template(tiny_model, "{% for m in messages %}{{ m['content'] | trim | replace('\n', ' ') }}{% endfor %}")
    assert lm.tokenizer.decode(lm.prompt_ids("  Where is\nParis? \n")) == "Where is Paris?"


@pytest.mark.parametrize("template", ["{{ ['a', 'b'] | random }}" + ASKED, "{{ lipsum(n=1) }}" + ASKED])
def test_a_template_that_draws_is_refused(tiny_model: Path, template: str) -> None:
    with pytest.raises(ModelError, match="draws at random: use prompt_format plain"):
        with_template(tiny_model, template).prompt_ids(TEXT)


@pytest.mark.parametrize("template", ["{{ 1 / 0 }}", "{{ 2 ** 'x' }}", "{{ {}.a.b }}", "{% set x = [].pop() %}"])
def test_whatever_a_template_raises_is_one_line(tiny_model: Path, template: str) -> None:
    with pytest.raises(ModelError, match=r"the chat template of .* fails \(.*\); use prompt_format plain"):
        with_template(tiny_model, template).prompt_ids(TEXT)


@pytest.mark.parametrize("eos", ["</s>", 1.5, True, [0, "x"], [[0]], {"a": 1}])
def test_what_is_no_end_token_is_named(tiny_model: Path, eos: object) -> None:
    lm = load_model(str(tiny_model))
    lm.model.generation_config.eos_token_id = eos
    with pytest.raises(ModelError, match="as the token that ends an answer, expected an id: mend eos_token_id"):
        _ = lm.stop_ids


@pytest.mark.parametrize("eos", [-1, 10**12, [0, -1, 400_000], [], None])
def test_an_end_token_that_cannot_come_ends_nothing(tiny_model: Path, eos: object) -> None:
    lm = load_model(str(tiny_model))
    lm.model.generation_config.eos_token_id = eos
    assert lm.stop_ids == {lm.tokenizer.eos_token_id}


@pytest.mark.parametrize("part", ["pre_tokenizer", "normalizer"])
@pytest.mark.parametrize("prompt_format", ["chat", "plain"])
def test_an_expression_that_gives_up_is_one_line(tiny_model: Path, part: str, prompt_format: str) -> None:
    lm = load_model(str(tiny_model), LoadSettings(prompt_format=prompt_format))  # type: ignore[arg-type]
    endless = Regex("(a+)+$")
    made = Split(endless, "isolated") if part == "pre_tokenizer" else Replace(endless, "z")
    setattr(lm.tokenizer.backend_tokenizer, part, made)
    with pytest.raises(ModelError, match=r"the tokenizer of .* fails \(.*retry-limit.*an expression in its"):
        lm.prompt_ids("a" * 40 + "!")
