"""A whole study, from questions to the report, of one tiny random model of each kind that people use most today.

Such a model answers nonsense, so that a grader of the benchmark's own calls every second answer right: states, grid,
figure and report are made as in any study, and the grid has nothing to find.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedTokenizerFast

from benchmarks.families.tiny import VOCABULARY, tiny_model
from truthmap.pipeline.runner import run_study
from truthmap.records import Answer, Question
from truthmap.runs.data import RunData
from truthmap.runs.file_names import REPORT
from truthmap.study.study import Study

_QUESTIONS = 120
_TOKENS = 6


@dataclass(frozen=True)
class StudyRow:
    """One finished study.

    Attributes:
        name: What people call the kind of model.
        outcomes: Answers graded right, graded wrong, unscored.
        shape: Layers and positions of the map, and cells that have a score.
        seconds: From loading to the report.
        report: Bytes of the page.
    """

    name: str
    outcomes: tuple[int, int, int]
    shape: tuple[int, int, int]
    seconds: float
    report: int


def _plain(model_type: str, auto_class: type[Any] = AutoModelForCausalLM) -> Callable[[Path], Path]:
    """Return what saves a tiny model of a kind, with its tokenizer, in a folder."""

    def save(folder: Path) -> Path:
        tiny_model(model_type, auto_class).save_pretrained(folder)
        _tokenizer().save_pretrained(folder)
        return folder

    return save


def _adapted(folder: Path) -> Path:
    """Save a tiny Llama and an adapter of it; return the adapter's folder."""
    from peft import LoraConfig, get_peft_model

    base = _plain("llama")(folder / "base")
    torch.manual_seed(1)
    settings = LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings).save_pretrained(folder / "adapter")
    return folder / "adapter"


MODELS: dict[str, Callable[[Path], Path]] = {
    "Qwen3.5": _plain("qwen3_5_text"),
    "Jamba": _plain("jamba"),
    "Nemotron-H": _plain("nemotron_h"),
    "Falcon-H1": _plain("falcon_h1"),
    "Mamba-2": _plain("mamba2"),
    "Gemma 3n": _plain("gemma3n_text"),
    "Gemma 4": _plain("gemma4_text"),
    "Mistral 3, with vision": _plain("mistral3", AutoModelForImageTextToText),
    "Qwen3-VL, with vision": _plain("qwen3_vl", AutoModelForImageTextToText),
    "DeepSeek V3": _plain("deepseek_v3"),
    "GPT-OSS": _plain("gpt_oss"),
    "an adapter on Llama": _adapted,
}


def studies() -> Iterator[StudyRow]:
    """Make a study of each."""
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            yield study_of(name, Path(folder))


def study_of(name: str, folder: Path) -> StudyRow:
    """Make a study of one of `MODELS`, from questions to the report, in this folder."""
    source = MODELS[name](folder / "model")
    started = time.perf_counter()
    study = Study(
        model=str(source),
        questions=[{"id": f"q{n}", "question": _question(n), "answer": "w3"} for n in range(_QUESTIONS)],
        grader=every_second_right,
        max_new_tokens=_TOKENS,
        permutations=20,
        prompt_template="{text}",
        shard=24,
        out=folder / "run",
        device="cpu",
    )
    run = run_study(study)
    seconds = time.perf_counter() - started
    data = RunData.load(run)
    summary, cells = data.summary, data.cells
    assert (run.path / "heatmap.png").is_file(), "the study made no figure"
    return StudyRow(
        name,
        (summary.right, summary.wrong, summary.unscored),
        (cells["layer"].nunique(), cells["position"].nunique(), int(cells["auc"].notna().sum())),
        seconds,
        (run.path / REPORT).stat().st_size,
    )


def every_second_right(question: Question, answer: Answer) -> tuple[bool, str]:
    """Call every second answer right, and its first word exact."""
    return int(question.id[1:]) % 2 == 0, (answer.text.split() or [""])[0]


def _question(number: int) -> str:
    return " ".join(f"w{3 + (7 * number + 11 * place) % (VOCABULARY - 3)}" for place in range(3 + number % 9))


def _tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    words = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{f"w{n}": n for n in range(3, VOCABULARY)}}
    backend = Tokenizer(WordLevel(words, unk_token="<pad>"))
    backend.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<pad>"
    )
