"""p(True) of the exact answers alone, as the paper asks for it beside that of the whole answers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from truthmap.analyses.compare.confidences import FALSE_FIRST, TRUE_FIRST, probability_true, true_or_false_prompt
from truthmap.analyses.compare.kept_replies import KEY, kept_replies
from truthmap.analyses.compare.self_report import letter_ids
from truthmap.answers.log_likelihood import next_token_log_probs
from truthmap.execution.active_run import ActiveRun
from truthmap.execution.reopen import model_of
from truthmap.files import digest_of
from truthmap.lm.model import LanguageModel
from truthmap.records import RowKey
from truthmap.runs.file_names import EXACT_P_TRUE
from truthmap.runs.run import Run
from truthmap.runs.tables import write_sealed
from truthmap.study.sections import SHARD

_VERSION = 1
"""Raise when prompts or numbers change."""


def exact_p_true(run: Run, active: ActiveRun, exact: Mapping[RowKey, str]) -> dict[RowKey, float]:
    """Ask the model about exact answers, by row, shard after shard; what was asked before is read from the run folder.

    Raises:
        RunFolderError: the model is not the run's any more.
    """
    kept = kept_replies(active, EXACT_P_TRUE, _key(active), _said)
    known = {row: p for row, (said, p) in kept.items() if exact.get(row) == said}
    wanted = [row for row in exact if row not in known]
    if wanted:
        lm = model_of(run, active)
        with active.progress.stage("Asking about exact answers", len(exact), len(exact) - len(wanted)) as advance:
            for start in range(0, len(wanted), SHARD):
                shard = wanted[start : start + SHARD]
                known.update(_asked(active, lm, {row: exact[row] for row in shard}))
                _write(active, known, exact)
                advance(len(exact) - len(wanted) + start + len(shard))
    return {row: known[row] for row in exact}


def _asked(active: ActiveRun, lm: LanguageModel, exact: Mapping[RowKey, str]) -> dict[RowKey, float]:
    task, questions = active.question_set.task, active.questions_by_id
    letters = (letter_ids(lm, "A"), letter_ids(lm, "B"))
    views = []
    for order in (TRUE_FIRST, FALSE_FIRST):
        asked = [(task.chat(questions[row.question_id]), said) for row, said in exact.items()]
        texts = [true_or_false_prompt(question, said, order) for question, said in asked]
        prompts = [lm.at_once.prompt_ids(text, f"{text}\nReply:") for text in texts]
        views.append(next_token_log_probs(lm, prompts, letters, active.study.resources.batch_tokens))
    pairs = zip(exact, *views, strict=True)
    return {row: probability_true((t[0], t[1]), (f[0], f[1])) for row, t, f in pairs}


def _key(active: ActiveRun) -> str:
    return digest_of({"version": _VERSION, "answers": active.keys["answers"]})


def _said(table: pd.DataFrame) -> dict[RowKey, tuple[str, float]]:
    rows = zip(table["row"], table["exact_answer"], table["p_true"], strict=True)
    return {RowKey(row): (str(said), float(p)) for row, said, p in rows}


def _write(active: ActiveRun, known: Mapping[RowKey, float], exact: Mapping[RowKey, str]) -> None:
    rows = [{KEY: _key(active), "row": row, "exact_answer": exact[row], "p_true": p} for row, p in known.items()]
    write_sealed(active.folder / EXACT_P_TRUE, pd.DataFrame(rows))
