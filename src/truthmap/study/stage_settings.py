"""A study's settings, handed to each room in the form it takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from pydantic import TypeAdapter, ValidationError

from truthmap.answers.prompt import GenerateSettings
from truthmap.capture.second_pass import CaptureSettings
from truthmap.errors import DamagedFileError, NotEnoughDataError, UsageError
from truthmap.grading.kinds import needs_judge
from truthmap.grading.resolve_task import resolve_task
from truthmap.grading.second_grader import SecondGrader, second_grader
from truthmap.lm.load_settings import LoadSettings
from truthmap.probes.grid_settings import GridSettings
from truthmap.probes.protocols import info_of
from truthmap.questions.groups import group_questions
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.splits import SplitSettings
from truthmap.questions.tasks import Task
from truthmap.questions.thinking import asked_to_think
from truthmap.records import Question
from truthmap.runs.file_names import QUESTIONS
from truthmap.runs.folder import RunFolder
from truthmap.runs.tables import read_records
from truthmap.study.sections import PROMPTED_THINKING, THINKING_ROOM
from truthmap.study.study import Study
from truthmap.text import normalized


def load_settings(study: Study) -> LoadSettings:
    """Return how to load the model."""
    return LoadSettings(
        revision=study.model.revision,
        device=study.resources.device,
        dtype=study.model.dtype,
        device_map=study.resources.device_map,
        quantization=study.model.quantization,
        adapter=study.model.adapter,
        trust_remote_code=study.model.trust_remote_code,
        prompt_format=study.model.prompt_format,
        date=study.model.date,
        thinking=study.answers.thinking,
        blocks=study.states.blocks,
    )


def question_settings(study: Study) -> QuestionSettings:
    """Return which questions to take."""
    own = study.questions
    return QuestionSettings(
        limit=own.limit,
        seed=study.seed,
        path=own.file,
        split=own.split,
        columns=own.columns,
        skip_bad=own.skip_bad,
    )


def split_settings(study: Study) -> SplitSettings:
    """Return how to split them."""
    return SplitSettings(seed=study.seed)


def generate_settings(study: Study, task: Task, *, thinks: bool = False) -> GenerateSettings:
    """Return how to answer.

    Args:
        study: The settings.
        task: What is asked.
        thinks: The model thinks before it answers, which takes more room than the set's own limit gives.
    """
    own = study.answers
    room = (most_thinking(study) or THINKING_ROOM) if thinks or own.thinking == "prompted" else 0
    return GenerateSettings(
        max_new_tokens=own.max_new_tokens or task.max_new_tokens + room,
        batch_tokens=study.resources.batch_tokens,
        max_thinking_tokens=most_thinking(study),
    )


def most_thinking(study: Study) -> int | None:
    """Return after how many tokens a thought is closed; `None`: none is.

    A model that is asked for a thought in words has no habit of closing one.
    """
    default = PROMPTED_THINKING if study.answers.thinking == "prompted" else None
    return study.answers.max_thinking_tokens or default


def capture_settings(study: Study) -> CaptureSettings:
    """Return how to capture states in a second pass."""
    return CaptureSettings(batch_tokens=study.resources.batch_tokens)


def uses_gold(study: Study) -> bool:
    """Return whether exact answers are located as in the paper: those of right answers by the gold string."""
    return info_of(study.protocol).locates_gold


def grid_settings(study: Study | None = None) -> GridSettings:
    """Return how to fit the probes; without a study the defaults, and no shuffles of the labels."""
    if study is None:
        return GridSettings(n_permutations=0)
    return GridSettings(
        protocol=study.protocol,
        n_permutations=study.grid.permutations if info_of(study.protocol).has_null else 0,
        seed=study.seed,
        device=solver_device(study.resources.device),
    )


def solver_device(device: str) -> str:
    """Return where the probes are fitted: on the study's CUDA device; else on the CPU (MPS has no float64)."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device if device.startswith("cuda") else "cpu"


def load_question_set(
    study: Study, say: Callable[[str], None] = lambda _news: None, kept_in: RunFolder | None = None
) -> QuestionSet:
    """Load the study's questions, to be graded and located as the study says.

    Args:
        study: The settings.
        say: Told how many rows of a file were skipped.
        kept_in: The folder of the study's run, which keeps what a program gave.

    Raises:
        QuestionsError: there is no such set, or rows of it make no question.
        NotEnoughDataError: the set is empty.
        UsageError: the set cannot be graded as the study says.
    """
    if kept_in is not None and study.questions.digest is not None and study.given.questions is None:
        return kept_question_set(kept_in)
    question_set = _asked_for(study)
    shown = {normalized(example.question) for example in study.answers.examples}
    asked = tuple(question for question in question_set.questions if normalized(question.text) not in shown)
    if not asked:
        what = "holds no question that is not among the examples" if question_set.questions else "is empty"
        raise NotEnoughDataError(f"the question set {study.questions.name} {what}")
    if len(asked) < len(question_set.questions):
        left_out = len(question_set.questions) - len(asked)
        say(f"left out {left_out:,} of {len(question_set.questions):,} questions: they are among the examples")
    warning, report = group_questions(asked).warning, question_set.report
    if warning is not None:
        say(warning)
    if report.bad:
        say(f"skipped {report.bad:,} of {report.rows:,} rows: {report.counted()}")
    if report.log is not None:
        became = "; ".join(f"{name} from {taken}" for name, taken in report.log.became.items())
        say(f"read as a log of {report.log.tool}: {became}")
        for difference in report.log.differences:
            say(difference)
    template = study.answers.prompt_template
    if template is not None and "{context}" not in template and any(question.context for question in asked):
        raise UsageError(
            f"the questions of {study.questions.name} have a context, and --prompt-template leaves it out: say where "
            "it goes with {context}"
        )
    if template is not None and "{options}" not in template and any(map(question_set.task.shows_options, asked)):
        raise UsageError(
            f"the questions of {study.questions.name} have options, and --prompt-template leaves them out: say where "
            "they go with {options}"
        )
    chosen = replace(question_set, questions=asked, task=asked_as(study, _task(study, question_set.task)))
    second_grader_of(study, chosen)  # a fault in it is found before anything is generated
    return chosen


def second_grader_of(study: Study, question_set: QuestionSet) -> SecondGrader | None:
    """Return who grades the answers again, or `None`: nobody.

    Raises:
        UsageError: there is no such grader, or it cannot grade these questions.
    """
    if study.second.grader is None:
        return None
    return second_grader(study.second.grader, question_set.task, question_set.questions, study.grading.judge)


def kept_question_set(folder: RunFolder) -> QuestionSet:
    """Return the questions that a program gave to a run, as the run's folder keeps them.

    Raises:
        DamagedFileError: they are not there, or study.yaml does not say how they were asked.
    """
    known = (folder.settings() or {}).get("questions") or {}
    try:
        task = TypeAdapter(Task).validate_python(known["task"])
        name, digest = str(known["name"]), str(known["digest"])
    except (KeyError, TypeError, ValidationError) as error:
        raise DamagedFileError(
            f"{folder.address} does not say how its questions were asked; give them again"
        ) from error
    return QuestionSet(name, read_records(folder / QUESTIONS, Question), task, digest)


def _asked_for(study: Study) -> QuestionSet:
    if study.given.questions is not None:
        return study.given.questions.load(question_settings(study))
    if study.questions.digest is not None:
        raise UsageError(
            f"the questions of this study ({study.questions.name}, {study.questions.digest[:16]}) were given by a "
            "program: give them again, Study(questions=…)"
        )
    return load_questions(study.questions.name, question_settings(study))


def asked_as(study: Study, own: Task) -> Task:
    """Return a set's task with the study's system prompt, examples and template, where it names any."""
    template, answers = study.answers.prompt_template, study.answers
    task = replace(own, system_prompt=answers.system_prompt, examples=answers.examples)
    if template is not None:
        task = replace(task, chat_prompt=template, plain_prompt=template, plain_rewrite=None)
    return asked_to_think(task, own_words=template is not None) if answers.thinking == "prompted" else task


def _task(study: Study, own: Task) -> Task:
    """Change a set's own way of grading and locating where the study names another."""
    chosen = study.grading
    task = resolve_task(
        own, grading=chosen.rule, locating=chosen.locating, locator=chosen.locator, gold=uses_gold(study)
    )
    if needs_judge(task) and chosen.judge is None:
        raise UsageError(
            f"{study.questions.name} is graded by a judge: name one with --judge (same, a model, or "
            "http://host/v1#model), or choose another rule, such as --grading alias"
        )
    return replace(task, answer_key=chosen.answer_key, typos=chosen.typos)
