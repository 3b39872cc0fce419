"""What a run's model says of its own answers when asked again: token entropies, p(True), a verbalized confidence."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pandas as pd

from truthmap.analyses.compare.confidences import FALSE_FIRST, TRUE_FIRST, percent_prompt, true_or_false_prompt
from truthmap.analyses.compare.kept_replies import KEY, kept_replies
from truthmap.answer_parts import final_answer
from truthmap.answers.generate import generate_answers
from truthmap.answers.log_likelihood import next_token_log_probs, score_tokens
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.errors import ModelError
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.reopen import model_of
from truthmap.files import digest_of
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer, RowKey
from truthmap.runs.file_names import SELF_REPORTS
from truthmap.runs.run import Run
from truthmap.runs.tables import write_sealed
from truthmap.study.sections import SHARD
from truthmap.terminal.progress import Advance

_REPLY_TOKENS = 16
_VERSION = 1
"""Raise when prompts or numbers change."""


@dataclass(frozen=True)
class SelfReport:
    """What the model says of one of its answers.

    Attributes:
        answer: The answer's key; the column `question_id` of the file.
        entropies: Entropy in nats of the distribution that each answer token was chosen from.
        true_first: Natural log-probabilities of the letters A and B, where A says that the answer is true.
        false_first: The same where A says that it is false.
        reply: What it replied when asked for a percentage.
        reply_tokens: How many tokens that took.
    """

    answer: RowKey
    entropies: tuple[float, ...]
    true_first: tuple[float, float]
    false_first: tuple[float, float]
    reply: str
    reply_tokens: int


def self_reports(run: Run, active: ActiveRun, answers: Sequence[Answer]) -> dict[RowKey, SelfReport]:
    """Ask the model about answers, shard after shard, by their keys; what was asked before is read from the run folder.

    Raises:
        RunFolderError: the model is not the run's any more.
    """
    known = kept_replies(active, SELF_REPORTS, _key(active), _reports)
    wanted = [answer for answer in answers if answer.key not in known]
    if wanted:
        lm = model_of(run, active)
        with active.progress.stage("Asking the model", 4 * len(answers), 4 * (len(answers) - len(wanted))) as advance:
            for start in range(0, len(wanted), SHARD):
                shard = wanted[start : start + SHARD]
                done = 4 * (len(answers) - len(wanted) + start)
                known.update(_asked(active, lm, shard, partial(_after, advance, done)))
                _write(active, known)
                advance(done + 4 * len(shard))
    return {answer.key: known[answer.key] for answer in answers}


def _asked(
    active: ActiveRun, lm: LanguageModel, answers: Sequence[Answer], advance: Advance
) -> dict[RowKey, SelfReport]:
    """Ask about one shard: a pass over each answer, two that end in a letter, one that ends in a number."""
    answers = [final_answer(answer) for answer in answers]
    n, budget = len(answers), active.study.resources.batch_tokens
    task, questions = active.question_set.task, active.questions_by_id
    asked = {a.key: task.chat(questions[a.question_id]) for a in answers}
    entropies = [s.entropies for s in score_tokens(lm, [(a.prompt_ids, a.answer_ids) for a in answers], budget)]
    advance(n)
    letters = (letter_ids(lm, "A"), letter_ids(lm, "B"))
    views = []
    for step, order in enumerate((TRUE_FIRST, FALSE_FIRST)):
        prompts = [_prompt(lm, true_or_false_prompt(asked[a.key], a.text, order)) for a in answers]
        views.append(next_token_log_probs(lm, prompts, letters, budget))
        advance((2 + step) * n)
    prompts = [_prompt(lm, percent_prompt(asked[a.key], a.text)) for a in answers]
    settings = GenerateSettings(max_new_tokens=_REPLY_TOKENS, batch_tokens=budget)
    asks = [Prompt(a.key, prompt) for a, prompt in zip(answers, prompts, strict=True)]
    replies = {r.question_id: r for batch in generate_answers(lm, asks, settings) for r in batch.answers}
    return {
        a.key: SelfReport(
            a.key,
            entropies[row],
            (views[0][row][0], views[0][row][1]),
            (views[1][row][0], views[1][row][1]),
            replies[a.key].text,
            len(replies[a.key].answer_ids),
        )
        for row, a in enumerate(answers)
    }


def letter_ids(lm: LanguageModel, letter: str) -> tuple[int, ...]:
    """Return the ids that write a letter, with or without a blank before it.

    Raises:
        ModelError: the tokenizer has no token for it.
    """
    spelled = (lm.encode(letter), lm.encode(f" {letter}"))
    found = tuple(dict.fromkeys(ids[-1] for ids in spelled if ids and lm.decode([ids[-1]]).strip() == letter))
    if not found:
        raise ModelError(f"the tokenizer of {lm.name} has no token for the letter {letter}: p(True) cannot be asked")
    return found


def _prompt(lm: LanguageModel, text: str) -> tuple[int, ...]:
    return lm.at_once.prompt_ids(text, f"{text}\nReply:")


def _after(advance: Advance, start: int, done: int) -> None:
    advance(start + done)


def _key(active: ActiveRun) -> str:
    return digest_of({"version": _VERSION, "answers": active.keys["answers"]})


def _reports(table: pd.DataFrame) -> dict[RowKey, SelfReport]:
    return {report.answer: report for report in map(_report_of, table.to_dict("records"))}


def _report_of(row: Mapping[Hashable, Any]) -> SelfReport:
    first_a, first_b = row["true_first"].tolist()
    second_a, second_b = row["false_first"].tolist()
    return SelfReport(
        RowKey(row["question_id"]),
        tuple(row["entropies"].tolist()),
        (first_a, first_b),
        (second_a, second_b),
        row["reply"],
        int(row["reply_tokens"]),
    )


def _write(active: ActiveRun, reports: Mapping[RowKey, SelfReport]) -> None:
    rows = [{KEY: _key(active), **asdict(report)} for report in reports.values()]
    write_sealed(active.folder / SELF_REPORTS, pd.DataFrame(rows).rename(columns={"answer": "question_id"}))
