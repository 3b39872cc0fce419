"""What the page says of how a run was asked, how it went and how to repeat it, as texts."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from truthmap.metrics.intervals import wilson
from truthmap.probes.recipes import recipe_named
from truthmap.records import Outcome, Split
from truthmap.report.page import Table, texts
from truthmap.runs.folder import STAGES
from truthmap.runs.run import Run, StackedCells
from truthmap.study.study import Study, changed_settings, kept_leaves, value_of

_MOST_REASONS = 12
_OPTIONS = {"sites": "--site"}
"""Settings whose option on the command line has another name."""


def asked(run: Run) -> Mapping[str, str]:
    """Say what was asked and how it went, a line per fact."""
    summary, identity = run.summary, run.settings.get("model_identity") or {}
    scored = summary.right + summary.wrong
    low, high = wilson(np.array([summary.right]), np.array([scored]))
    answers = run.answers()
    lengths = np.array([len(answer.answer_ids) for answer in answers if answer.fault is None])
    facts = {
        "Model": summary.model + _in_brackets(identity.get("architecture"), identity.get("dtype")),
        "Asked in": {"chat": "the model's chat template", "plain": "a plain prompt"}.get(
            identity.get("prompt_format", ""), ""
        ),
        "Questions": f"{summary.questions} ({len(run.questions()):,})",
        "Answers": f"{len(answers):,}: {summary.right:,} right, {summary.wrong:,} wrong, {summary.unscored:,} unscored",
        "Accuracy": f"{summary.right / scored:.1%} of the scored answers [{low[0]:.1%}, {high[0]:.1%}]",
        "Refusals": f"{summary.refusals:,}, counted as wrong" if summary.refusals else "none",
        "Exact answer found": (
            f"in {summary.found_right:.1%} of the right and {summary.found_wrong:.1%} of the wrong answers"
        ),
        **_audited(run),
        "Length of an answer": f"{np.median(lengths):.0f} tokens (median; the longest has {lengths.max()})"
        if len(lengths)
        else "",
        "Cut off at the limit": f"{np.mean([not a.finished for a in answers]):.1%} of the answers" if answers else "",
        "Probes converged": f"{summary.converged:.1%}",
        "Several cells": _stack(summary.stack),
        "Protocol": recipe_named(summary.protocol).info.description,
    }
    return {name: value for name, value in facts.items() if value}


def _audited(run: Run) -> dict[str, str]:
    """Say what the audit found of the exact answers, where there is one."""
    if not (run.path / "audit.json").is_file():
        return {}
    audit = run.audit
    facts = {}
    if audit.compared:
        share = audit.agreeing / audit.compared
        facts["Exact answer is the accepted one"] = f"in {share:.1%} of {audit.compared:,} right answers"
    if audit.place is not None:
        place = audit.place
        facts["The exact answer's place alone gives"] = f"AUC {place.short}"
    return facts


def _stack(stack: StackedCells | None) -> str:
    """Say whether reading several cells is better than reading the best one."""
    if stack is None:
        return ""
    gain = stack.gain.signed
    if not stack.chosen or stack.test is None:
        return f"{len(stack.cells)} together give {gain}: not beyond noise, so the single cell stands"
    return f"{len(stack.cells)} together give {gain} more on validation; AUC {stack.test} on test"


def counts(run: Run) -> tuple[Table, ...]:
    """Count answers by split, and unscored ones by reason."""
    outcome = {grade.question_id: grade.outcome for grade in run.grades() if grade.sample == 0}
    by_split = Counter((each.split, outcome[each.question_id]) for each in run.splits())
    rows = [
        [split, *(by_split[split, o] for o in Outcome), sum(by_split[split, o] for o in Outcome)] for split in Split
    ]
    splits = Table("Answers by split", ("split", *map(str, Outcome), "all"), texts(rows))
    reasons = Counter(grade.why for grade in run.grades() if grade.outcome is Outcome.UNSCORED and grade.sample == 0)
    if not reasons:
        return (splits,)
    most = reasons.most_common(_MOST_REASONS)
    rest = reasons.total() - sum(count for _, count in most)
    listed = [*most, *([("other reasons", rest)] if rest else [])]
    return splits, Table(
        "Unscored answers by reason; they are left out of the map", ("reason", "answers"), texts(listed)
    )


def first_prompt(run: Run) -> str:
    """Return the first prompt as it was sent, template included, or an empty string where it was not written down."""
    entry = run.folder.entry("answers")
    found = entry.note.get("first_prompt", "") if entry is not None else ""
    return found if isinstance(found, str) else ""


def command(run: Run) -> str:
    """Return the command that makes this run again: every setting that is not the default."""
    study = Study(**run.settings["settings"])
    words = ["truthmap", "run"]
    for leaf in changed_settings(study):
        value = value_of(study, leaf)
        if value is True:
            words.append(leaf.option)
        else:
            for one in value if isinstance(value, tuple) else [value]:
                words += [leaf.option, str(getattr(one, "kind", one))]
    return shlex.join([*words, "--out", run.address if run.folder.is_remote else f"runs/{run.path.resolve().name}"])


def repeat(run: Run) -> tuple[Table, ...]:
    """Return versions, digests, settings, and each stage's time and memory, as tables."""
    known = run.settings
    versions = texts(list((known.get("versions") or {}).items()))
    identity = known.get("model_identity") or {}
    questions = known.get("questions") or {}
    digests = [
        ("questions", questions.get("digest")),
        *((f"model: {name}", value) for name, value in identity.items() if value),
    ]
    return (
        Table("Time and memory, by stage", ("stage", "seconds", "most memory, GB", "key"), texts(_stages(run))),
        Table("Settings (seed included)", ("setting", "value"), texts(_settings(known))),
        Table("Versions", ("package", "version"), versions),
        Table("Digests and identity", ("of", "value"), texts(digests)),
    )


def _stages(run: Run) -> list[tuple[Any, ...]]:
    folder = run.folder
    found = [(stage, folder.entry(stage)) for stage in STAGES]
    return [
        (stage, entry.seconds, _gigabytes(entry.note.get("peak_bytes")), entry.key[:16])
        for stage, entry in found
        if entry is not None
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
