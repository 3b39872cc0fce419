"""What a study costs on one kind of device, worked out from the model's sizes and from rates: `docs/plan.md`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict

from truthmap.answers.batch_budget import memory_room, planned_budget
from truthmap.answers.prompt import GenerateSettings
from truthmap.execution.estimate import Batch, peak_memory, states_on_disk
from truthmap.execution.rates import Rates
from truthmap.lm.unloaded import ModelSizes, lay_out, sizes_without_weights, with_tokens
from truthmap.study.sections import SHARD, StatesSection
from truthmap.study.stage_settings import generate_settings, load_question_set, load_settings
from truthmap.study.study import Study

_VLLM_ROWS = 256
"""Rows that vLLM works on at once, where its memory has room for them; its own default."""
_FIXED_FILES = 16 << 20
"""Bytes of page, figures and whatever does not grow with the answers."""
_LOOKED_AT = 200
"""Questions whose prompts are counted, spread over the set."""
_TOKEN = 4
"""Bytes that a token takes in a table: its id, or its log-probability."""
_SCORE = 4
"""Bytes of an out-of-fold score, of each answer in each cell."""


class Workload(BaseModel):
    """What is asked.

    Attributes:
        questions: How many.
        samples: Answers drawn to each besides the greedy one.
        prompt_tokens: Tokens of a prompt.
        new_tokens: The longest answer, in tokens.
        answer_tokens: The usual answer, in tokens.
        permutations: Whether labels are shuffled for p-values.
    """

    model_config = ConfigDict(frozen=True)

    questions: int
    samples: int = 0
    prompt_tokens: int = 64
    new_tokens: int = 100
    answer_tokens: int = 100
    permutations: bool = True


@dataclass(frozen=True)
class Room:
    """A batch and what it takes.

    Attributes:
        rows: Answers that are generated together.
        memory: Bytes that are then there at once on each device, weights included.
    """

    rows: int
    memory: int


@dataclass(frozen=True)
class StudyCosts:
    """The arithmetic of one model, one piece of work and one kind of device.

    Attributes:
        model: The model's sizes.
        work: What is asked.
        kept: Which states are kept, and how.
        rates: How fast a device works.
    """

    model: ModelSizes
    work: Workload
    kept: StatesSection
    rates: Rates

    @property
    def usable(self) -> int:
        """Bytes of a device's memory that may be taken."""
        return round(self.rates.memory * (1 - self.rates.spare))

    @property
    def width(self) -> int:
        """Numbers of a state in all sites together."""
        return sum(self.model.sizes.state.values()) // self.model.sizes.number

    @property
    def cells(self) -> int:
        """Cells of one site's map."""
        return self.model.layers * len(self.kept.columns)

    def states_on_disk(self) -> int:
        """Return the bytes of the states, if every answer can be scored."""
        return states_on_disk(self.model.sizes, self.kept, self.model.layers, self.work.questions)

    def tables_on_disk(self) -> int:
        """Return the bytes of everything else in the run folder but samples."""
        scores = _SCORE * self.cells * len(self.kept.sites)
        return _FIXED_FILES + self.work.questions * (self._answer_in_table() + scores)

    def samples_on_disk(self) -> int:
        """Return the bytes of the samples and of the state of each at one cell."""
        state = max(self.model.sizes.state.values())
        return self.work.questions * self.work.samples * (self._answer_in_table() + state)

    def token_seconds(self, devices: int = 1) -> float:
        """Return the seconds in which devices multiply one token through the model."""
        return 2 * self.model.active / (devices * self.rates.ceilings.product * self.rates.shares.reading)

    def step_seconds(self, devices: int = 1) -> float:
        """Return the seconds in which devices read the weights once, for a step of a batch."""
        return self.model.sizes.weights / (devices * self.rates.ceilings.copy * self.rates.shares.decoding)

    def answering(self, answers: int, rows: int, devices: int = 1) -> float:
        """Return the seconds in which so many answers are generated, so many at a time."""
        steps = math.ceil(answers / rows) * self.work.new_tokens
        return steps * self.step_seconds(devices) + answers * self._tokens * self.token_seconds(devices)

    def reading(self, answers: int) -> float:
        """Return the seconds of a second pass; layers that lie on several devices work one after the other."""
        return answers * self._tokens * self.token_seconds()

    def probing(self) -> float:
        """Return the seconds of the probes on one device."""
        each = self.rates.shares.probing + (self.rates.shares.shuffling if self.work.permutations else 0.0)
        return self.cells * self.width * self.work.questions * each

    def alone(self) -> Room:
        """Return what fits on one device that keeps the states on the way."""
        settings, longest = GenerateSettings(max_new_tokens=self.work.new_tokens), self._longest
        room = max(0.0, memory_room(self.model.sizes, self.rates.memory, self.rates.kind))
        shard = min(SHARD, self.work.questions)
        budget = planned_budget(self.work.prompt_tokens, shard, settings, self.model.sizes, self.model.layers, room)
        rows = max(1, min(shard, budget // longest))
        columns = len(self.kept.columns)
        return Room(rows, peak_memory(self.model.sizes, self.model.layers, columns, settings, [Batch(rows, longest)]))

    def in_vllm(self, devices: int) -> Room:
        """Return what fits into vLLM on so many devices."""
        row = max(1, self._longest * self.model.sizes.cache_token)
        room = devices * self.usable - self.model.sizes.weights
        rows = max(1, min(_VLLM_ROWS, self.work.questions, int(room // row)))
        return Room(rows, math.ceil((self.model.sizes.weights + rows * row) / devices))

    def smallest_group(self, most: int) -> int | None:
        """Return how few devices hold the model in vLLM; `None`: not even `most` do."""
        return next((n for n in self.groups(most) if self.in_vllm(n).memory <= self.usable), None)

    def groups(self, most: int) -> list[int]:
        """Return the numbers of devices, up to `most`, that a model's heads can be divided among."""
        return [n for n in range(1, most + 1) if self.model.heads % n == 0]

    @property
    def _tokens(self) -> int:
        return self.work.prompt_tokens + self.work.answer_tokens

    @property
    def _longest(self) -> int:
        return self.work.prompt_tokens + self.work.new_tokens

    def _answer_in_table(self) -> int:
        """Return the bytes of a prompt's ids and of an answer's ids and log-probabilities."""
        return _TOKEN * (self.work.prompt_tokens + 2 * self.work.answer_tokens)


@dataclass(frozen=True)
class Asked:
    """What is said of a study that is only planned; `None`: found out.

    Attributes:
        questions: How many, where no set is named.
        samples: Answers drawn to each besides the greedy one.
        prompt_tokens: Tokens of a prompt.
        answer_tokens: Tokens of a usual answer.
    """

    questions: int | None = None
    samples: int = 0
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


def costs_of(study: Study, asked: Asked, rates: Rates) -> StudyCosts:
    """Return the arithmetic of a study: its model is laid out without weights, its questions are counted.

    Raises:
        ModelError: there is no such model, or its configuration alone does not tell its sizes.
        QuestionsError, NotEnoughDataError, UsageError: there are no such questions.
    """
    load = load_settings(study)
    laid_out = lay_out(study.model.name, load, torch.device(rates.kind))
    count, prompt, longest = asked.questions, asked.prompt_tokens, study.answers.max_new_tokens
    if count is None:
        named = load_question_set(study)
        lm = with_tokens(study.model.name, load, laid_out)
        count = len(named.questions)
        longest = generate_settings(study, named.task, thinks=lm.thinks).max_new_tokens
        some = named.questions[:: math.ceil(count / _LOOKED_AT)]
        prompt = prompt or math.ceil(sum(len(lm.question_ids(q, named.task)) for q in some) / len(some))
    longest = longest or Workload.model_fields["new_tokens"].default
    work = Workload(
        questions=count,
        samples=asked.samples,
        prompt_tokens=prompt or Workload.model_fields["prompt_tokens"].default,
        new_tokens=longest,
        answer_tokens=min(longest, asked.answer_tokens or longest),
        permutations=study.grid.permutations > 0,
    )
    sizes = sizes_without_weights(study.model.name, load, laid_out, study.states.sites)
    return StudyCosts(sizes, work, study.states, rates)
