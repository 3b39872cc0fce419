"""A detector in use: ask the model and score its answers, score given ones, stream, forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.answers.prompted import LocalTextModel
from truthmap.answers.to_answer import ready_answer
from truthmap.arrays import AnyArray
from truthmap.detector.artifact import Artifact, load_artifact
from truthmap.detector.caveats import Caveat, caveats_of_question, caveats_of_source
from truthmap.detector.compatibility import model_load_settings, require_match
from truthmap.detector.config import DetectorConfig
from truthmap.detector.described import headline_of, tables_of
from truthmap.detector.exit_rule import EarlyExitAt, ExitRule
from truthmap.detector.hub import detector_at, push_detector
from truthmap.detector.reading import state_spec
from truthmap.detector.score import AnswerStates, forecast_prompt, score_answer
from truthmap.detector.stream_scorer import StreamScorer, TokenEvent
from truthmap.detector.streaming import GenerationRequest, record_answer_states, stream_decode
from truthmap.detector.verdict import PromptForecast, Verdict
from truthmap.errors import UsageError
from truthmap.files import AnyPath
from truthmap.grading.kinds import needs_locator
from truthmap.grading.text_model import SAME, Graders
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer, Message, Question
from truthmap.shown import Shown, TextTable

_BATCH = 32


@dataclass(frozen=True, repr=False)
class Detector(Shown):
    """A sealed detector with the model whose answers it scores.

    Attributes:
        artifact: What was sealed.
        lm: The model.
        allowed: In what the model differs from the sealed one, if that was allowed.
    """

    artifact: Artifact
    lm: LanguageModel
    allowed: tuple[str, ...] = field(default=())

    def _line(self) -> str:
        return headline_of(self.config)

    def _tables(self) -> Sequence[TextTable]:
        return tables_of(self.config)

    @property
    def config(self) -> DetectorConfig:
        """The artifact's config.json."""
        return self.artifact.config

    @cached_property
    def graders(self) -> Graders:
        """The model that finds exact answers, where the task asks for one and it is the studied one."""
        own = needs_locator(self.config.asking.task) and self.config.asking.locator == SAME
        return Graders(locator=LocalTextModel(self.lm)) if own else Graders()

    def question(self, text: str, candidates: Sequence[str] | None = None, turns: Sequence[Message] = ()) -> Question:
        """Make a question of a text, with the sealed candidates or its own.

        Args:
            text: What is asked.
            candidates: What the answer could name.
            turns: What was said before in the conversation.

        Raises:
            UsageError: the text is empty.
        """
        if not text.strip():
            raise UsageError("the question is empty")
        own = self.config.asking.candidates if candidates is None else tuple((name,) for name in candidates)
        return Question(id=text, text=text, candidates=own, turns=tuple(turns))

    def ask(
        self, question: str | Question, max_new_tokens: int | None = None, early_exit: EarlyExitAt | None = None
    ) -> Verdict:
        """Ask the model a question, as the run did, and return the verdict on its answer: see `ask_batch`."""
        return self.ask_batch([question], max_new_tokens, early_exit)[0]

    def ask_batch(
        self,
        questions: Sequence[str | Question],
        max_new_tokens: int | None = None,
        early_exit: EarlyExitAt | None = None,
    ) -> list[Verdict]:
        """Ask questions in batches; the verdicts come in their order.

        Args:
            questions: What to ask.
            max_new_tokens: Longest answer, in tokens; by default as in the run.
            early_exit: Close a thought once P(right), read at its newest token, is at least this; or `guaranteed`: as
                the sealed guarantees have it. Nothing is claimed of an answer whose thought was closed so.
        """
        asked = [self._as_question(question) for question in questions]
        # Prompts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(asked)), key=lambda n: len(asked[n].text))
        verdicts: dict[int, Verdict] = {}
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            settings = self._greedy(max_new_tokens)
            scorers = [self.stream_scorer(asked[n], settings, early_exit=early_exit) for n in places]
            final = {scorer: event.verdict for scorer, event in self.stream_batch(scorers) if event.last}
            verdicts.update(
                (n, final.get(scorer) or scorer.verdict()) for n, scorer in zip(places, scorers, strict=True)
            )
        return [verdicts[n] for n in range(len(asked))]

    def stream(self, question: str | Question, max_new_tokens: int | None = None) -> Iterator[TokenEvent]:
        """Ask a question and yield each token with its score as it comes, and the verdict as soon as it stands.

        The last event carries the verdict on the whole answer.
        """
        asked = self._as_question(question)
        for _, event in self.stream_batch([self.stream_scorer(asked, self._greedy(max_new_tokens))]):
            yield event

    def forecast(self, question: str | Question) -> PromptForecast:
        """Return how likely the answer is to be wrong, before a token of it is generated.

        Raises:
            UsageError: the detector has no head that reads the prompt alone.
        """
        asked = self._as_question(question)
        states = record_answer_states(self.lm, [(self.prompt_ids(asked), ())], state_spec(self.artifact))
        return self.forecast_from(asked, states[0][0])

    def forecast_from(self, question: Question, states: AnyArray) -> PromptForecast:
        """Return the forecast by the states of the prompt's last token: see `forecast_prompt`."""
        return forecast_prompt(self.artifact, question, states, self._caveats(question))

    def score(self, question: str | Question, answer: str) -> Verdict:
        """Return the verdict on a given answer, read as if the model had said it.

        Unless the detector learned from given answers, nothing is claimed about it: there is its score.
        """
        return self.score_batch([(question, answer)])[0]

    def score_batch(self, pairs: Sequence[tuple[str | Question, str]]) -> list[Verdict]:
        """Score given answers in batches: (question, answer) each; the verdicts come in their order."""
        questions = [self._as_question(question) for question, _ in pairs]
        answers = [self.given_answer(question, text) for question, (_, text) in zip(questions, pairs, strict=True)]
        states: dict[int, AnyArray] = {}
        readable = sorted(
            (n for n, a in enumerate(answers) if a.answer_ids),
            key=lambda n: len(answers[n].prompt_ids + answers[n].answer_ids),
        )
        for start in range(0, len(readable), _BATCH):
            places = readable[start : start + _BATCH]
            sequences = [(answers[n].prompt_ids, answers[n].answer_ids) for n in places]
            recorded = record_answer_states(self.lm, sequences, state_spec(self.artifact))
            states.update(zip(places, recorded, strict=True))
        return [self.verdict_on_given(questions[n], answers[n], states.get(n)) for n in range(len(answers))]

    def verdict_on_given(self, question: Question, answer: Answer, states: AnyArray | None) -> Verdict:
        """Return the verdict on a given answer by its states, as in `score.AnswerStates`; none: it has no tokens."""
        asked = (*caveats_of_source(self.config.asking, given=True), *self._caveats(question))
        graders = Graders() if states is None else self.graders
        read = np.empty((0, 0, 0), dtype=np.float32) if states is None else states
        return score_answer(self.artifact, AnswerStates(question, answer, read), asked, graders)

    def given_answer(self, question: Question, text: str) -> Answer:
        """Return the record of a given answer, closed as the training answers were."""
        answer = ready_answer(self.lm, question.id, self.prompt_ids(question), text)
        closing = self.config.asking.closing_id
        if closing is None or not answer.answer_ids:
            return answer
        ids = (*answer.answer_ids, closing)
        text, offsets = self.lm.decode(ids), self.lm.offsets(ids)
        closed = replace(answer, answer_ids=ids, text=text, offsets=offsets, thought=None, final=None)
        return self.lm.thought_tags.part(closed)

    def prompt_ids(self, question: Question) -> tuple[int, ...]:
        """Return the whole prompt that asks a question, as the run did."""
        return self.lm.question_ids(question, self.config.asking.task)

    def stream_scorer(
        self,
        question: Question,
        settings: GenerateSettings | None = None,
        prompt_ids: tuple[int, ...] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        early_exit: EarlyExitAt | None = None,
    ) -> StreamScorer:
        """Return a scorer for one answer, to be handed to `stream_batch`.

        Args:
            question: What is asked.
            settings: How to answer; by default as the run did.
            prompt_ids: Another prompt than the one the run would ask the question with.
            should_stop: Called before every token; the answer ends where it returns true.
            early_exit: As in `ask_batch`.
        """
        settings = settings or self._greedy(None)
        asked = [*caveats_of_source(self.config.asking, given=False), *self._caveats(question)]
        if settings.temperature > 0:
            asked.append(Caveat.SAMPLED)
        ids = self.prompt_ids(question) if prompt_ids is None else prompt_ids
        if prompt_ids is not None and Caveat.OTHER_PROMPT not in asked and ids != self.prompt_ids(question):
            asked.append(Caveat.OTHER_PROMPT)
        request = GenerationRequest(Prompt(question.id, ids), settings, should_stop)
        rule = ExitRule.of(early_exit, self.config.early_exit)
        return StreamScorer(self.artifact, self.lm, question, request, asked, rule)

    def stream_batch(self, scorers: Sequence[StreamScorer]) -> Iterator[tuple[StreamScorer, TokenEvent]]:
        """Answer the scorers' prompts in one batch and yield each token's event as it comes.

        Where a model must find the exact answer, the last events, which carry the verdicts, come when all answers are
        complete. A prompt that does not fit into the model's context is left out.
        """
        fitting = [scorer for scorer in scorers if scorer.fits]
        waiting: list[tuple[StreamScorer, TokenEvent]] = []
        if not fitting:
            return
        requests = [scorer.request for scorer in fitting]
        for decoded in stream_decode(self.lm, requests, state_spec(self.artifact)):
            scorer = fitting[decoded.row]
            event = scorer.feed(decoded)
            if event is not None and event.last and scorer.needs_locator:
                waiting.append((scorer, event))
            elif event is not None:
                yield scorer, event
        for scorer, event in waiting:
            yield scorer, replace(event, verdict=scorer.verdict(graders=self.graders))

    def push_to_hub(self, repo: str, *, private: bool | None = None, revision: str | None = None) -> str:
        """Push the detector to the Hugging Face hub, with a card made from what was sealed.

        The training questions go with it, where they were sealed.

        Args:
            repo: `owner/name`; made if it is not there.
            private: Whether a new one can be seen by its owners alone; by default as the owner's settings have it.
            revision: The branch; by default the usual one.

        Returns:
            `owner/name@commit`, which `load_detector` reads.

        Raises:
            UsageError: it is no name of a repository.
            RunFolderError: the repository holds something that is no detector.
            StorageError: the hub cannot be reached, or refuses.
        """
        return push_detector(self.artifact, repo, private=private, revision=revision)

    def _caveats(self, question: Question) -> tuple[Caveat, ...]:
        """Return in what a question, put to this model, is not asked as the training questions were."""
        other_model = (Caveat.OTHER_MODEL,) if self.allowed else ()
        return (*other_model, *caveats_of_question(self.config.asking, question))

    def _greedy(self, max_new_tokens: int | None) -> GenerateSettings:
        asking = self.config.asking
        return GenerateSettings(
            max_new_tokens=max_new_tokens or asking.max_new_tokens, max_thinking_tokens=asking.max_thinking_tokens
        )

    def _as_question(self, question: str | Question) -> Question:
        return question if isinstance(question, Question) else self.question(question)


def load_detector(
    path: AnyPath | str,
    model: str | LanguageModel | None = None,
    *,
    device: str = "auto",
    allow_different: bool = False,
    trust_remote_code: bool = False,
) -> Detector:
    """Load a sealed detector and the model it belongs to.

    Args:
        path: The detector's folder, or its name on the hub: `owner/name`, `owner/name@revision`.
        model: A loaded model, or where it is found now; by default the name it had when the detector was sealed.
        device: Where the model is loaded, as in `LoadSettings`.
        allow_different: Use a model, template or dtype other than the sealed one; its scores mean little then.
        trust_remote_code: Run Python code that comes with a hub model.

    Raises:
        RunFolderError: there is no detector.
        StorageError: the hub cannot be reached.
        DamagedFileError: a file of it is damaged.
        ModelError: the model cannot be loaded, or is not the sealed one; the message says in what it differs.
    """
    artifact = load_artifact(detector_at(path))
    if not isinstance(model, LanguageModel):
        settings = model_load_settings(artifact.config, device, trust_remote_code=trust_remote_code)
        model = load_model(model or artifact.config.model.identity.get("name", ""), settings)
    return Detector(artifact, model, require_match(artifact.config, model, allow_different=allow_different))
