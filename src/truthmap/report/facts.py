"""What the page says of a run, from its records: how it was asked, how it went, what was found, how to repeat it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from truthmap.grading.column_contents import ColumnContents, TokenKind
from truthmap.metrics.intervals import share_of
from truthmap.probes.protocols import info_of
from truthmap.questions.groups import group_questions
from truthmap.records import Answer, Outcome, Split
from truthmap.report.maps import SiteMap
from truthmap.report.narrative import Findings
from truthmap.report.page import Table, texts
from truthmap.runs.data import RunData
from truthmap.runs.file_names import AUDIT, STUDY
from truthmap.runs.ledger import STAGES
from truthmap.runs.row_count import rows_counted
from truthmap.runs.summary import StackedCells
from truthmap.settings_base import Option, marker
from truthmap.study.study import Study, changed_settings, kept_leaves, value_of

_MOST_REASONS = 12
_MOST_MIXED = 4
_OPTIONS = {"sites": "--site"}
"""Settings whose option on the command line has another name."""


def asked(data: RunData) -> Mapping[str, str]:
    """Say what was asked and how it went, a line per fact."""
    summary, identity = data.summary, data.settings.get("model_identity") or {}
    accuracy = share_of(data.labels.y, data.labels.group)
    answers = data.answers
    lengths = np.array([len(answer.answer_ids) for answer in answers if answer.fault is None])
    facts = {
        "Model": summary.model + _in_brackets(identity.get("architecture"), identity.get("dtype")),
        "Asked in": {"chat": "the model's chat template", "plain": "a plain prompt"}.get(
            identity.get("prompt_format", ""), ""
        ),
        "Questions": f"{summary.questions}: {group_questions(data.questions).described()}",
        "Answers": f"{rows_counted(len(data.grades), len(answers))}: {summary.right:,} right, {summary.wrong:,} wrong, "
        f"{summary.unscored:,} unscored",
        "Accuracy": f"{accuracy.value:.1%} of the scored answers [{accuracy.low:.1%}, {accuracy.high:.1%}]",
        "Refusals": f"{summary.refusals:,}, counted as wrong" if summary.refusals else "none",
        "Exact answer found": (
            f"in {summary.found_right:.1%} of the right and {summary.found_wrong:.1%} of the wrong answers"
        ),
        **_audited(data),
        "Length of an answer": f"{np.median(lengths):.0f} tokens (median; the longest has {lengths.max()})"
        if len(lengths)
        else "",
        **_thoughts(answers),
        "Cut off at the limit": f"{np.mean([not a.finished for a in answers]):.1%} of the answers" if answers else "",
        "How answers ended": summary.endings.told if summary.endings is not None and summary.endings.differ else "",
        "Probes converged": f"{summary.converged:.1%}",
        "Several cells": _stack(summary.stack),
        "Protocol": info_of(summary.protocol).description,
    }
    return {name: value for name, value in facts.items() if value}


def _thoughts(answers: Sequence[Answer]) -> dict[str, str]:
    """Say how answers think, where any does."""
    thoughts = [answer.thought.tokens for answer in answers if answer.thought is not None]
    if not thoughts:
        return {}
    lengths = [0 if tokens is None else tokens.end - tokens.start for tokens in thoughts]
    cut = np.mean([answer.is_cut_while_thinking for answer in answers])
    told = f"in {len(thoughts) / len(answers):.1%} of the answers, {np.median(lengths):.0f} tokens (median); "
    return {"Thoughts": f"{told}{cut:.1%} of the answers are cut off while thinking, and unscored"}


def _audited(data: RunData) -> dict[str, str]:
    """Say what the audit found of the exact answers, where there is one."""
    if not data.has(AUDIT):
        return {}
    audit = data.audit
    facts = {}
    if audit.compared:
        share = audit.agreeing / audit.compared
        facts["Exact answer is the accepted one"] = f"in {share:.1%} of {audit.compared:,} right answers"
    if audit.place is not None:
        place = audit.place
        facts["The exact answer's place alone gives"] = f"AUC {place.short}"
    return facts


def mixed_columns(columns: Sequence[ColumnContents]) -> str:
    """Say which columns of a map mix kinds of tokens; an empty text where none does."""
    mixed = sorted((each for each in columns if each.is_mixed), key=lambda each: -each.share(TokenKind.CLOSING))
    if not mixed:
        return ""
    told = "; ".join(f"{each.position} ({each.told})" for each in mixed[:_MOST_MIXED])
    others = f"; and {len(mixed) - _MOST_MIXED} more" if len(mixed) > _MOST_MIXED else ""
    return (
        f"A column is a place, not a kind of token; these hold several kinds: {told}{others}. A probe there may read "
        "which kind it is. --drop-closing-token counts from the last written token."
    )


def _stack(stack: StackedCells | None) -> str:
    """Say whether reading several cells is better than reading the best one."""
    if stack is None:
        return ""
    gain = stack.gain.signed
    if not stack.chosen or stack.test is None:
        return f"{len(stack.cells)} together give {gain}: not beyond noise, so the single cell stands"
    return f"{len(stack.cells)} together give {gain} more on validation; AUC {stack.test} on test"


def counts(data: RunData) -> tuple[Table, ...]:
    """Count answers by split, and unscored ones by reason."""
    split_of = {each.question_id: each.split for each in data.splits}
    by_split = Counter((split_of[grade.question_id], grade.outcome) for grade in data.grades)
    rows = [
        [split, *(by_split[split, o] for o in Outcome), sum(by_split[split, o] for o in Outcome)] for split in Split
    ]
    splits = Table("Answers by split", ("split", *map(str, Outcome), "all"), texts(rows))
    reasons = Counter(grade.why for grade in data.grades if grade.outcome is Outcome.UNSCORED)
    if not reasons:
        return (splits,)
    most = reasons.most_common(_MOST_REASONS)
    rest = reasons.total() - sum(count for _, count in most)
    listed = [*most, *([("other reasons", rest)] if rest else [])]
    return splits, Table(
        "Unscored answers by reason; they are left out of the map", ("reason", "answers"), texts(listed)
    )


def first_prompt(data: RunData) -> str:
    """Return the first prompt as it was sent, template included, or an empty string where it was not written down."""
    entry = data.stages.get("answers")
    found = entry.note.get("first_prompt", "") if entry is not None else ""
    return found if isinstance(found, str) else ""


def findings_of(data: RunData, best: SiteMap) -> Findings:
    """Return the numbers that the sentences are made from.

    Args:
        data: The run's records.
        best: The map of the chosen cell's site.
    """
    summary, columns = data.summary, best.columns
    return Findings(
        site=summary.site,
        layer=summary.layer,
        position=summary.position,
        validation=summary.validation,
        test=summary.test,
        positions=best.positions,
        auc=columns["auc"],
        low=columns["low"],
        high=columns["high"],
        n=columns["n"],
        p_value=columns.get("p_value"),
        shuffles=Study(**data.settings["settings"]).grid.permutations,
        own_answers=any(question.answer is None for question in data.questions),
        text_baseline=summary.text_baseline,
        free_score=summary.free_score,
        before_answering=summary.before_answering,
        within=summary.within,
        few=bool(summary.decides_nothing),
    )


def command(data: RunData) -> str:
    """Return the command that makes this run again: every setting that is not the default."""
    study = Study(**data.settings["settings"])
    run = data.run
    out = ["--out", run.address if run.folder.is_remote else f"runs/{run.path.resolve().name}"]
    words = ["truthmap", "run"]
    changed = tuple(changed_settings(study))
    if any((said := marker(leaf.field, Option)) and (said.takes or said.in_python) for leaf in changed):
        # What came from a file that is not the question file, or from a program, is kept in study.yaml alone.
        return shlex.join([*words, str(run.folder / STUDY), *out[:1], f"{out[1]}-again"])
    for leaf in changed:
        value = value_of(study, leaf)
        if value is True:
            words.append(leaf.option)
        else:
            for one in value if isinstance(value, tuple) else [value]:
                words += [leaf.option, str(getattr(one, "kind", one))]
    return shlex.join([*words, *out])


def repeat(data: RunData) -> tuple[Table, ...]:
    """Return versions, digests, settings, and each stage's time and memory, as tables."""
    known = data.settings
    versions = texts(list((known.get("versions") or {}).items()))
    identity = known.get("model_identity") or {}
    questions = known.get("questions") or {}
    digests = [
        ("questions", questions.get("digest")),
        *((f"model: {name}", value) for name, value in identity.items() if value),
    ]
    return (
        Table("Time and memory, by stage", ("stage", "seconds", "most memory, GB", "key"), texts(_stages(data))),
        Table("Settings (seed included)", ("setting", "value"), texts(_settings(known))),
        Table("Versions", ("package", "version"), versions),
        Table("Digests and identity", ("of", "value"), texts(digests)),
    )


def _stages(data: RunData) -> list[tuple[Any, ...]]:
    return [
        (stage, entry.seconds, _gigabytes(entry.note.get("peak_bytes")), entry.key[:16])
        for stage in STAGES
        if (entry := data.stages.get(stage)) is not None
    ]


def _settings(known: Mapping[str, Any]) -> list[tuple[str, Any]]:
    study = Study(**known["settings"])
    shown = {leaf.name: _one_line(value_of(study, leaf)) for leaf in kept_leaves(study)}
    return [(name, value) for name, value in shown.items() if value not in (None, "")]


def _one_line(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else getattr(value, "kind", value)


def _gigabytes(count: Any) -> float | None:
    return count / 1e9 if isinstance(count, int) else None


def _in_brackets(*parts: str | None) -> str:
    given = [part for part in parts if part]
    return f" ({', '.join(given)})" if given else ""
