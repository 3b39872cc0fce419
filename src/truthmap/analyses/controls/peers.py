"""The states of another model, read at the same places of the same questions and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from truthmap.analyses.controls.context import ControlContext
from truthmap.answers.other_tokens import in_tokens_of, same_ranges
from truthmap.arrays import Ints32
from truthmap.capture.second_pass import StateCapture
from truthmap.errors import NotEnoughDataError, RunFolderError
from truthmap.execution.active_run import ActiveRun, require_identity
from truthmap.execution.executor import Job, Tally
from truthmap.grading.token_spans import locate_ranges
from truthmap.lm.model import LanguageModel
from truthmap.positions import MISSING, LocatedPositions, Position
from truthmap.probes.grid import Cell
from truthmap.records import Answer, Outcome, Question, RowKey, Site
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run
from truthmap.runs.snapshot import is_run
from truthmap.storage import is_remote
from truthmap.study.stage_settings import capture_settings, generate_settings
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Advance

MakePeer = Callable[[LanguageModel], LanguageModel]
"""A function of a module (so that another process finds it by name) that makes the peer of a loaded model."""

Reword = Callable[[Question], Question]
"""A function of a module that puts a question otherwise."""


@dataclass(frozen=True)
class PeerStates:
    """A peer's states at one position of a run's rows.

    Attributes:
        ids: The n rows that it could read.
        states: float (L, n, d), L layers of the peer.
        left_out: How many rows it could not read: its tokens do not make their texts, or have no such place.
    """

    ids: tuple[RowKey, ...]
    states: torch.Tensor
    left_out: int


@dataclass(frozen=True)
class _Rows:
    """An answer, and which of the tokens that were generated its rows have at the position: int32 (1, 2) each."""

    answer: Answer
    ranges: Mapping[RowKey, Ints32]


@dataclass(frozen=True)
class _Shard:
    """What one job reads."""

    make: MakePeer | None
    reword: Reword
    site: Site
    position: Position
    answers: tuple[_Rows, ...]


def as_it_is(question: Question) -> Question:
    """Return the question."""
    return question


def read_peer(
    context: ControlContext,
    active: ActiveRun,
    make: MakePeer | None,
    name: str,
    rows: Sequence[RowKey] | None = None,
    reword: Reword = as_it_is,
) -> PeerStates:
    """Read the run's answers with a peer, at the position of the best cell, in all layers.

    Args:
        context: The run.
        active: Who has the loaded model: the run itself, or one like it with another model.
        make: What the peer is made of it with; `None`: it is the peer, and reads as its study has it.
        name: What the peer is called, for the bar.
        rows: Which rows; by default all scored ones.
        reword: How their questions are put.

    Raises:
        ModelError: the peer has no such site, or does not take the questions.
        NotEnoughDataError: it can read no row.
        PartialError: shards failed three times on a cluster.
    """
    wanted = context.data.labels.ids if rows is None else tuple(rows)
    answers = list(_rows(context.data, wanted, context.cell))
    size = active.study.states.shard
    jobs = []
    for number, start in enumerate(range(0, len(answers), size)):
        part = tuple(answers[start : start + size])
        shard = _Shard(make, reword, context.cell.site, context.cell.position, part)
        jobs.append(Job(number, tuple(each.answer.question_id for each in part), shard, len(part)))
    found: dict[int, tuple[tuple[RowKey, ...], torch.Tensor]] = {}
    with context.progress.stage(
        f"Reading with {name}" if rows is None else f"Reading: {name}", len(answers)
    ) as advance:
        for done in active.executor.map(read_peer_shard, jobs, Tally(advance)):
            found[done.number] = done.result
    ids = tuple(i for number in sorted(found) for i in found[number][0])
    if not ids:
        raise NotEnoughDataError(f"{name} can read none of the answers at {context.cell.position}")
    states = torch.cat([found[number][1] for number in sorted(found) if found[number][0]], dim=1)
    return PeerStates(ids, states, len(wanted) - len(ids))


def read_peer_shard(active: ActiveRun, shard: _Shard, advance: Advance) -> tuple[tuple[RowKey, ...], torch.Tensor]:
    """Read one shard: the rows that the peer could read, and their states float32 (L, n, d)."""
    lm = active.tokens if shard.make is None else shard.make(active.model)
    task, questions = active.question_set.task, active.questions_by_id
    answers: list[Answer] = []
    ranges: dict[RowKey, Ints32] = {}
    for rows in shard.answers:
        asked = lm.question_ids(shard.reword(questions[rows.answer.question_id]), task)
        reread = in_tokens_of(lm, asked, rows.answer)
        if reread is None:
            continue
        places = same_ranges(rows.answer, reread, np.concatenate(list(rows.ranges.values())))
        present = {row: place[None] for row, place in zip(rows.ranges, places, strict=True) if place[0] != MISSING}
        if present:
            answers.append(reread)
            ranges |= present
    if not answers:
        return (), torch.empty(0)
    capture = active.capture if shard.make is None else StateCapture(lm, capture_settings(active.study))
    read = capture.capture(answers, LocatedPositions.of((shard.position,), ranges), (shard.site,), advance)
    return read.ids, read.states[shard.site][:, 0].float()


@dataclass(frozen=True)
class NamedPeer:
    """Another model, by the name of a run of it or by its own.

    Attributes:
        name: What it is called here.
        study: The study under control with that model in the place of its own.
        run: Its run, whose answers say where the two models disagree; `None` where only the model was named.
    """

    name: str
    study: Study
    run: RunData | None

    def opened(self, context: ControlContext) -> ActiveRun:
        """Return the run under control as if the peer were its model; whoever opens it closes it."""
        own = context.active
        return ActiveRun(self.study, own.folder, own.keys, own.question_set, context.progress)

    def has_weights_of(self, data: RunData) -> bool:
        """Tell whether it is the very model of a run, asked otherwise, as far as its own run says."""
        theirs = {} if self.run is None else self.run.settings.get("model_identity") or {}
        own = data.settings.get("model_identity") or {}
        return "weights" in own and theirs.get("weights") == own["weights"]

    def require_identity(self, active: ActiveRun) -> None:
        """See that the model which will read is the one of the peer's run.

        Raises:
            RunFolderError: another model goes by its name now.
        """
        if self.run is not None:
            known = self.run.settings.get("model_identity") or {}
            require_identity(self.run.run.address, known, active.executor.identity())


def peer_named(context: ControlContext, name: str) -> NamedPeer:
    """Return the peer that a run or a model of this name is.

    Raises:
        RunFolderError: the run was made with a model that a program gave, or cannot be read.
    """
    own = context.active.study
    elsewhere = own.answers.engine.elsewhere() is not None
    engine = {"engine": "transformers"} if elsewhere else {}  # the endpoint has another model
    unnamed = {"revision": None, "adapter": None, "quantization": None, "blocks": None, "prompt_format": "auto"}
    if not (is_remote(name) or is_run(Path(name))):
        return NamedPeer(name, with_settings(own, {"model": name, **unnamed, "dtype": "auto", **engine}), None)
    data = RunData.load(open_run(name))
    theirs = Study(**data.settings["settings"])
    if theirs.model.digest is not None:
        raise RunFolderError(
            f"{name} was made with a model that a program gave: name a folder or hub id of that model as the peer"
        )
    model = {leaf: getattr(theirs.model, leaf) for leaf in ("revision", "dtype", "adapter", "quantization", "date")}
    given = {"model": theirs.model.name, **model, "prompt_format": theirs.model.prompt_format, **engine}
    return NamedPeer(data.summary.model, with_settings(own, {**given, "blocks": theirs.states.blocks}), data)


def peers_outcomes(context: ControlContext, peer: NamedPeer, active: ActiveRun) -> Mapping[RowKey, Outcome]:
    """Return whether the peer's own answers to the same questions are right: from its run, or by asking it.

    Rows go by their keys, and only questions of the same text count. A question whose answer came with it has none of
    the peer's own.

    Raises:
        NotEnoughDataError: the peer's run asks none of the questions.
    """
    data = context.data
    if peer.run is None:
        return _ask_peer(context, peer, active)
    theirs = peer.run.questions_by_id
    same = {i for i, own in data.questions_by_id.items() if i in theirs and theirs[i].text == own.text}
    if not same:
        raise NotEnoughDataError(f"the run of {peer.name} asks none of the questions")
    ready = _ready(data)
    return {g.key: g.outcome for g in peer.run.grades if g.question_id in same and g.question_id not in ready}


def _ask_peer(context: ControlContext, peer: NamedPeer, active: ActiveRun) -> Mapping[RowKey, Outcome]:
    """Have the peer answer the questions of the scored rows, and grade that as the run's answers were graded."""
    data, ready = context.data, _ready(context.data)
    ids = [i for i in dict.fromkeys(row.question_id for row in data.labels.ids) if i not in ready]
    size = active.study.states.shard
    shards = [tuple(ids[start : start + size]) for start in range(0, len(ids), size)]
    jobs = [Job(number, shard, shard, len(shard)) for number, shard in enumerate(shards)]
    answers: list[Answer] = []
    with context.progress.stage(f"Asking {peer.name}", len(ids)) as advance:
        for done in active.executor.map(ask_peer_shard, jobs, Tally(advance)):
            answers += done.result
    return {row: grade.outcome for row, grade in context.active.grade(answers).items()}


def ask_peer_shard(active: ActiveRun, ids: Sequence[str], advance: Advance) -> tuple[Answer, ...]:
    """Answer one shard of questions."""
    prompts = [active.prompt(active.questions_by_id[i]) for i in ids]
    settings = generate_settings(active.study, active.question_set.task)
    return tuple(a for batch in active.engine.answer(prompts, settings, on_progress=advance) for a in batch.answers)


def read_named_peer(context: ControlContext, peer: NamedPeer) -> tuple[PeerStates, Mapping[RowKey, Outcome]]:
    """Read with a peer and learn its own outcomes; its model is gone again afterwards.

    Raises:
        ModelError, RunFolderError, NotEnoughDataError, PartialError: as `read_peer` and `peers_outcomes`.
    """
    context.free_model()
    active = peer.opened(context)
    with closing(active):
        peer.require_identity(active)
        outcomes = peers_outcomes(context, peer, active)
        return read_peer(context, active, None, peer.name), outcomes


def _ready(data: RunData) -> set[str]:
    return {question.id for question in data.questions if question.answer is not None}


def _rows(data: RunData, ids: Sequence[RowKey], cell: Cell) -> Sequence[_Rows]:
    """Return the answers of rows, each with where its rows have the cell's position."""
    drop = data.drops_closing_token
    found: dict[RowKey, dict[RowKey, Ints32]] = {}
    for row in ids:
        answer = data.answer_of(row)
        ranges = locate_ranges(answer, data.grade_of(row).span, (cell.position,), drop_closing_token=drop)
        if ranges[0, 0] != MISSING:
            found.setdefault(row.answer, {})[row] = ranges
    return [_Rows(data.answer_of(key), ranges) for key, ranges in found.items()]
