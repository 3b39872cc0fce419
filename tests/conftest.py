"""Small random models and folders for the tests; nothing here needs a network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests import environment  # noqa: F401 (before whatever loads numpy or torch)
from tests.small_study import small_study

from truthmap.questions.question_set import QuestionSet, question_set
from truthmap.questions.tasks import GradingRule, Task
from truthmap.records import Question

if TYPE_CHECKING:
    from tests.killing import Reference

    from truthmap.detector.detector import Detector
    from truthmap.runs.run import Run
    from truthmap.study.study import Study

settings.register_profile("steady", deadline=None, derandomize=True)  # the same examples, however busy the machine
settings.load_profile("steady")

LONGEST = ("test_run_at_a_url", "test_faults", "test_run", "test_verify", "test_ray", "test_engines")
"""The files of tests that take longest: begun with, so that two workers end at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; within a file and among the others the order stays."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(LONGEST)))


WORDS = [
    "In", "which", "country", "is", "the", "city", "of", "France", "Germany", "Japan", "Peru", "I", "do", "not", "know",
    ".", "?", "a", "and", "Paris",
]  # fmt: skip
N_QUESTIONS = 160
NEW_TOKENS = 10


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a random 2-layer Llama that speaks in whole words, with a chat template."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as ByteLevelDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=400, special_tokens=["<eos>", "<user>"], initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator([" ".join(WORDS), *[f" {word}" for word in WORDS]] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>", pad_token="<eos>")
    tokenizer.chat_template = (
        "{% for m in messages %}<user>You are asked this. {{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}<user>{% endif %}"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def spoken(tiny_model: Path) -> QuestionSet:
    """Return questions whose candidates are words that the tiny model says; every other time its word is right."""
    from truthmap.answers.generate import generate_answers
    from truthmap.answers.prompt import GenerateSettings, Prompt
    from truthmap.lm.load import load_model

    lm = load_model(str(tiny_model))
    texts = {f"q{n:03d}": f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(N_QUESTIONS)}
    prompts = [Prompt(i, lm.prompt_ids(text)) for i, text in texts.items()]
    said = {
        answer.question_id: re.findall(r"[A-Za-z]+", answer.text)
        for batch in generate_answers(lm, prompts, GenerateSettings(max_new_tokens=NEW_TOKENS))
        for answer in batch.answers
    }
    words = sorted({words[0] for words in said.values() if words})
    candidates = tuple((word,) for word in [*words, "Nowhere"])
    questions = [
        Question(i, text, (said[i][0] if said[i] and n % 2 else "Nowhere",), candidates)
        for n, (i, text) in enumerate(texts.items())
    ]
    return question_set("spoken", questions, Task(GradingRule.CANDIDATES, max_new_tokens=NEW_TOKENS))


@pytest.fixture
def spoken_set(spoken: QuestionSet, monkeypatch: pytest.MonkeyPatch) -> QuestionSet:
    """Make `spoken` a set that studies can name, and shards small, so that a run has several."""
    load: Callable[..., QuestionSet] = lambda name, settings: spoken  # noqa: E731
    monkeypatch.setattr("truthmap.study.stage_settings.load_questions", load)
    return spoken


@pytest.fixture(scope="session")
def made_once(tiny_model: Path, spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished run; nobody may write into it."""
    from truthmap.pipeline.runner import run_study

    folder = tmp_path_factory.mktemp("made") / "run"
    load: Callable[..., QuestionSet] = lambda name, settings: spoken  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", load)
        run_study(small_study(tiny_model, folder, device="cpu"))
    return folder


@pytest.fixture
def finished(made_once: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a copy of the finished run that a test may go on from; intervals are taken from few resamples."""
    monkeypatch.setattr("truthmap.metrics.bootstrap.RESAMPLES", 50)
    from truthmap.runs.run import open_run

    shutil.copytree(made_once, tmp_path / "finished")
    return open_run(tmp_path / "finished")


@pytest.fixture(scope="session")
def sealed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a detector sealed for the tiny model; a rule made from its states says which answers are right."""
    import numpy as np

    from truthmap import __version__
    from truthmap.answers.generate import generate_answers
    from truthmap.answers.prompt import GenerateSettings, Prompt
    from truthmap.detector.artifact import Artifact, TrainingRecord, save_artifact
    from truthmap.detector.config import (
        FORMAT,
        LABEL,
        AnswerSource,
        AskingConfig,
        CellAt,
        DetectorConfig,
        ModelConfig,
        Role,
        TrainingConfig,
    )
    from truthmap.detector.fit_head import HeadData, SealSettings, fit_head
    from truthmap.detector.streaming import StateSpec, record_answer_states
    from truthmap.grading.grade import grade
    from truthmap.grading.token_spans import locate_positions
    from truthmap.lm.load import load_model
    from truthmap.positions import PAPER, Position
    from truthmap.questions.tasks import GradingRule, Task
    from truthmap.records import Question, Site

    lm = load_model(str(tiny_model))
    task = Task(GradingRule.CANDIDATES, max_new_tokens=10)
    texts = {f"q{n:03d}": f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(240)}
    prompts = [Prompt(i, lm.prompt_ids(text)) for i, text in texts.items()]
    batches = generate_answers(lm, prompts, GenerateSettings(max_new_tokens=10))
    answers = {answer.question_id: answer for batch in batches for answer in batch.answers}
    candidates = tuple((word,) for word in [*WORDS[:15], *WORDS[17:]])
    questions = {i: Question(i, text, (), candidates) for i, text in texts.items()}
    found = {i: grade(questions[i], answers[i], task) for i in texts}
    ids = [i for i in texts if found[i].span is not None]
    spec = StateSpec(Site.RESIDUAL, (0, 1))
    states = record_answer_states(lm, [(answers[i].prompt_ids, answers[i].answer_ids) for i in ids], spec)
    places = [locate_positions(answers[i], found[i].span) - len(answers[i].prompt_ids) + 1 for i in ids]
    # Exact answers at the very start are left to the other two heads.
    cells = {
        Role.ANSWER: CellAt(layer=1, position=Position.of("exact_answer_last"), C=1.0),
        Role.FALLBACK: CellAt(layer=1, position=Position.of("-1"), C=1.0),
        Role.BEFORE: CellAt(layer=0, position=Position.of("last_q"), C=1.0),
    }
    reads = {
        role: np.stack([s[p[PAPER.index(cell.position)], cell.layer] for s, p in zip(states, places, strict=True)])
        for role, cell in cells.items()
    }
    direction = np.random.default_rng(0).normal(size=24)
    signal = reads[Role.ANSWER] @ direction
    right = signal > np.median(signal)
    fold = np.arange(len(ids)) % 7 - 2
    fold[fold < 0] = -1
    heads = {
        role: fit_head(
            HeadData(
                role, (cell,), reads[role][:, None], right, fold, tuple(ids),
                np.cumsum(fold >= 0) - 1,
            ),
            SealSettings(limit=0.2),
        ).head
        for role, cell in cells.items()
    }  # fmt: skip
    config = DetectorConfig(
        format=FORMAT,
        truthmap=__version__,
        label=LABEL,
        model=ModelConfig(identity=lm.identity(), n_layers=2, width=24),
        site=Site.RESIDUAL,
        asking=AskingConfig(
            task=task, candidates=candidates, max_new_tokens=10, closing_id=0, answers=AnswerSource.GENERATED,
            turns=((),), context=False,
        ),
        training=TrainingConfig(
            questions="spoken", questions_digest="0" * 64, answers_digest="0" * 64, right=int(right.sum()),
            wrong=int((~right).sum()), unscored=len(texts) - len(ids), found_right=1, found_wrong=1,
            text_baseline=None, looks=1,
        ),
        heads=tuple(head.config for head in heads.values()),
        files={},
    )  # fmt: skip
    records = tuple(
        TrainingRecord(question=texts[i], exact_answer=found[i].exact_answer, right=bool(r))
        for i, r, f in zip(ids, right, fold, strict=True)
        if f >= 0
    )
    folder = tmp_path_factory.mktemp("sealed")
    save_artifact(Artifact(config, heads, records), folder)
    return folder


@pytest.fixture(scope="session")
def tiny_detector(sealed: Path) -> Detector:
    """Return the sealed detector with its model."""
    from truthmap.detector.detector import load_detector

    return load_detector(sealed)


@pytest.fixture
def study(tiny_model: Path, tmp_path: Path) -> Study:

    return small_study(tiny_model, tmp_path / "run", device="cpu")


@pytest.fixture(scope="session")
def reference(made_once: Path) -> Reference:
    """Return the numbers of the run that nothing happened to, and the seconds it took."""
    from tests.killing import numbers

    stages = json.loads((made_once / "stages.json").read_text())
    return numbers(made_once), sum(stage["seconds"] for stage in stages.values())


@pytest.fixture
def copy(made_once: Path, tmp_path: Path, spoken_set: QuestionSet) -> Path:
    """Return a finished run that may be broken."""
    return shutil.copytree(made_once, tmp_path / "copy")


@pytest.fixture
def done(study: Study, copy: Path) -> Study:
    """Return the study with a run that is finished already."""
    from truthmap.study.study import with_settings

    return with_settings(study, {"out": copy})
