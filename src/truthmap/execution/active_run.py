"""What is open while a run is worked on: its model, engine, graders, store, and whoever does the shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from truthmap.answers.engines.base import Engine
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.errors import RunFolderError
from truthmap.execution.capturing import Capture, capture_with
from truthmap.execution.executor import Executor, ThisMachine
from truthmap.execution.interrupts import Stop
from truthmap.execution.models import ModelHolder, graders_of
from truthmap.execution.preview import MapPreview
from truthmap.execution.ray import RayCluster
from truthmap.files import AnyPath
from truthmap.grading.claims import grade_claims, makes_claims
from truthmap.grading.gold import at_gold
from truthmap.grading.kinds import needs_grader, needs_judge, needs_locator
from truthmap.grading.text_model import Graders
from truthmap.lm.model import LanguageModel
from truthmap.lm.prefix import PrefixCache
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Answer, Grade, Question, RowKey
from truthmap.runs.folder import RunFolder, run_folder
from truthmap.store.states import StateStore
from truthmap.study.stage_settings import generate_settings, uses_gold
from truthmap.study.study import Study
from truthmap.terminal.progress import Progress, Silence


@dataclass
class ActiveRun:
    """A run while it is worked on.

    Attributes:
        study: Its settings.
        folder: Its folder; a worker on another machine need not see it.
        keys: Its stages' keys.
        question_set: Its questions, and how they are asked and graded.
        progress: Who shows the stages.
        stop: A wish to stop.
        preview: Who shows a first look at the map, while questions are asked; `None`: nobody.
    """

    study: Study
    folder: RunFolder
    keys: Mapping[str, str]
    question_set: QuestionSet
    progress: Progress = field(default_factory=Silence)
    stop: Stop = field(default_factory=Stop)
    preview: MapPreview | None = None

    @cached_property
    def questions_by_id(self) -> Mapping[str, Question]:
        """The questions by their ids."""
        return {question.id: question for question in self.question_set.questions}

    @cached_property
    def models(self) -> ModelHolder:
        """Who holds the model, or the engine that has it."""
        return ModelHolder(self.study, self.progress, self._longest_sequence)

    @property
    def model(self) -> LanguageModel:
        """The model, loaded when a stage first needs it."""
        return self.models.model()

    @property
    def prefixes(self) -> PrefixCache:
        """What the model's prompts share, computed once for all who run it."""
        return self.models.prefixes()

    @property
    def tokens(self) -> LanguageModel:
        """The model as far as prompts and tokens go; its weights may be elsewhere."""
        return self.models.tokens()

    @property
    def engine(self) -> Engine:
        """What answers the questions."""
        return self.models.engine()

    @property
    def capture(self) -> Capture:
        """What reads answers for their hidden states."""
        return capture_with(self.study, self.models)

    @cached_property
    def graders(self) -> Graders:
        """The models that judge and locate, where the task needs any."""
        return graders_of(self.study, self.question_set.task, self.models.model, self.progress)

    @property
    def states_at(self) -> AnyPath | str:
        """Where the run's hidden states are."""
        return self.study.resources.states_at or self.folder.own_states

    @cached_property
    def store(self) -> StateStore:
        """The run's hidden states."""
        return StateStore(self.states_at)

    @cached_property
    def executor(self) -> Executor[ActiveRun]:
        """Who does the shards: this machine, or the workers of a cluster."""
        if self.study.resources.cluster is None:
            return ThisMachine(self, self.stop)
        out = self.folder.address if self.folder.is_remote else self.folder.path.absolute()
        worker = RunOfWorker(self.study.model_copy(update={"out": out}), dict(self.keys), self.question_set)
        return RayCluster(worker, self.study.resources, self.progress, self.stop)

    def identity(self) -> dict[str, str]:
        """Load the model and say which it is."""
        return self.model.identity()

    @cached_property
    def generate_settings(self) -> GenerateSettings:
        """How the questions are answered."""
        return generate_settings(self.study, self.question_set.task, thinks=self.tokens.thinks)

    def prompt_ids(self, question: Question) -> tuple[int, ...]:
        """Return the whole prompt that asks a question."""
        return self.tokens.question_ids(question, self.question_set.task)

    def prompt(self, question: Question, sample: int = 0) -> Prompt:
        """Return the prompt that asks a question for its answer with this number."""
        task = self.question_set.task
        if question.prompt is not None:
            return Prompt(question.id, self.prompt_ids(question), sample, question.prompt, whole=True)
        text = task.chat(question) if self.tokens.asks_in_chat else task.plain(question)
        return Prompt(question.id, self.prompt_ids(question), sample, text, task.opening_of(question))

    def grade(self, answers: Iterable[Answer]) -> dict[RowKey, Grade]:
        """Grade answers, each once; the result goes by row, an answer's claims side by side."""
        task = self.question_set.task
        pairs = [(self.questions_by_id[answer.question_id], answer) for answer in answers]
        grades = {grade.key: grade for grade in grade_claims(pairs, task, self.graders)}
        if uses_gold(self.study):
            grades.update({a.key: at_gold(q, a, grades[a.key]) for q, a in pairs if not makes_claims(q, a, task)})
        return grades

    @property
    def grading_asks_a_model(self) -> bool:
        """Whether a model judges or locates, or a given function grades: that may take its time, and is done once."""
        task = self.question_set.task
        return needs_judge(task) or needs_locator(task) or needs_grader(task)

    def let_workers_go(self) -> None:
        """Let the workers go; they come again when the next job is to be done."""
        if "executor" in self.__dict__:
            self.executor.close()

    def close(self) -> None:
        """Let workers and engine go."""
        for name in ("executor", "models"):
            if name in self.__dict__:
                getattr(self, name).close()

    def _longest_sequence(self) -> int:
        new = self.generate_settings.max_new_tokens
        lengths = [
            len(self.prompt_ids(q)) + (new if q.answer is None else len(self.tokens.encode(q.answer)))
            for q in self.question_set.questions
        ]
        room = self.tokens.max_length
        return max((n for n in lengths if room is None or n <= room), default=new + 1)


@dataclass(frozen=True)
class RunOfWorker:
    """Makes, in a worker, the run that its jobs are done with; it travels there as data."""

    study: Study
    keys: Mapping[str, str]
    question_set: QuestionSet

    def __call__(self) -> ActiveRun:
        """Return the run; its model is loaded when a job needs it."""
        return ActiveRun(self.study, run_folder(self.study.out), self.keys, self.question_set)


def require_identity(address: str, known: Mapping[str, str], found: Mapping[str, str]) -> None:
    """See that a model is the one that a run was made with.

    Raises:
        RunFolderError: another model goes by the same name now; the message says in what it differs.
    """
    different = [f"{n} was {known[n]}, is {value}" for n, value in found.items() if n in known and known[n] != value]
    if different:
        raise RunFolderError(
            f"the model is not the one that {address} was made with ({'; '.join(different)}): name the model that the "
            "run was made with, or choose another run folder"
        )
