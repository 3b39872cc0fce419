"""The ten data sets of the paper "LLMs Know More Than They Show" (arXiv 2410.02707): where they are, how asked.

Prompts, lengths and sources follow the paper's published code (technion-cs-nlp/LLMsKnow); the few-shot examples of base
prompts are our own, and the grading is ours throughout (`docs/grading.md` says how it differs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from truthmap.questions import paper_rows
from truthmap.questions.readers import Row
from truthmap.questions.tasks import GradingRule, Locating, Rewrite, Task
from truthmap.records import Question

TRAIN, TEST = "train", "test"
SPLITS = (TRAIN, TEST)


@dataclass(frozen=True, slots=True)
class PaperFile:
    """A CSV file of the paper's repository, by path.

    Attributes:
        names: Split → name of the file there.
        columns: The columns that are read.
    """

    names: Mapping[str, str]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HubData:
    """A data set of the Hugging Face hub.

    Attributes:
        id: Its id.
        config: Its configuration.
        splits: Our split → the one there.
        most: Read at most so many of its rows, from the front of a shuffled stream: it is too large to be read whole.
    """

    id: str
    config: str | None
    splits: Mapping[str, str] = field(default_factory=lambda: {TRAIN: "train", TEST: "validation"})
    most: int | None = None


@dataclass(frozen=True, slots=True)
class PaperSet:
    """One of the ten sets.

    Attributes:
        name: Its name.
        about: One line for a reader.
        source: Where its rows are.
        question_of: Makes a row a question; `None` where a sound row holds no question of this set.
        task: How it is asked, graded and located.
    """

    name: str
    about: str
    source: PaperFile | HubData
    question_of: Callable[[Row], Question | None]
    task: Task


_CHOICE_QUESTION = Rewrite(tuple(f"{who} does the blank refer to in the sentence?" for who in ("Who", "What")), "")
_PRONOUN_QUESTION = Rewrite(("Who does the pronoun '{word}' refer to?",), "The pronoun '{word}' refers to the")
_CONTEXT_CHAT, _CONTEXT_PLAIN = "{context}\n{text}", "Context: {context}\nQ: {text}\nA:"
_REVIEW_TASK = 'Classify the following movie review as either "positive" or "negative".'

_OPEN = Task(GradingRule.ALIAS, Locating.MODEL)
_IMDB = Task(
    GradingRule.LABEL,
    chat_prompt=(
        f"{_REVIEW_TASK} Start with either 'positive' or 'negative' first, then elaborate.\nReview: {{text}}\nLabel:"
    ),
    plain_prompt=(
        f"{_REVIEW_TASK}\n"
        "Review: Two hours of explosions and not one idea; I looked at my watch all the time.\nLabel: negative\n"
        "Review: A small, warm story, played with so much care that I must see it again.\nLabel: positive\n"
        "Review: {text}\nLabel:"
    ),
)
_TRIVIA = HubData("mandarjoshi/trivia_qa", "unfiltered.nocontext")
_HOTPOT = HubData("hotpotqa/hotpot_qa", "distractor")

PAPER_SETS: Mapping[str, PaperSet] = {
    entry.name: entry
    for entry in (
        PaperSet("triviaqa", "Trivia questions with many aliases", _TRIVIA, paper_rows.triviaqa, _OPEN),
        PaperSet("hotpotqa", "Questions that need two facts", _HOTPOT, paper_rows.hotpotqa, _OPEN),
        PaperSet(
            "hotpotqa_with_context",
            "The same with the paragraphs that hold the facts",
            _HOTPOT,
            paper_rows.hotpotqa_with_context,
            Task(GradingRule.ALIAS, Locating.MODEL, _CONTEXT_CHAT, _CONTEXT_PLAIN),
        ),
        PaperSet(
            "natural_questions_with_context",
            "Questions to a search engine with the paragraph that answers them",
            HubData("google-research-datasets/natural_questions", "default", most=20_000),
            paper_rows.natural_questions,
            Task(GradingRule.JUDGE, Locating.MODEL, _CONTEXT_CHAT, _CONTEXT_PLAIN),
        ),
        PaperSet(
            "movies",
            "Who acted as X in the movie Y?",
            PaperFile({TRAIN: "movie_qa_train.csv", TEST: "movie_qa_test.csv"}, ("Question", "Answer")),
            paper_rows.movies,
            _OPEN,
        ),
        PaperSet(
            "math",
            "Word problems whose answer is a number",
            PaperFile({TRAIN: "AnswerableMath.csv", TEST: "AnswerableMath_test.csv"}, ("id", "question", "answer")),
            paper_rows.math,
            Task(GradingRule.NUMBER, chat_prompt="{text} Answer shortly.", max_new_tokens=200),
        ),
        PaperSet(
            "winobias",
            "Whom does a pronoun mean, for or against the stereotype of a job?",
            PaperFile(
                {TRAIN: "winobias_dev.csv", TEST: "winobias_test.csv"},
                ("sentence", "answer", "incorrect_answer", "q_instruct"),
            ),
            paper_rows.winobias,
            Task(
                GradingRule.CHOICE,
                plain_prompt="{text}",
                plain_rewrite=_PRONOUN_QUESTION,
            ),
        ),
        PaperSet(
            "winogrande",
            "What does the blank in a sentence stand for?",
            PaperFile(
                {TRAIN: "winogrande_train.csv", TEST: "winogrande_test.csv"}, ("Question", "Answer", "Wrong_Answer")
            ),
            paper_rows.winogrande,
            Task(
                GradingRule.CHOICE,
                plain_prompt=(
                    "Anna lent Laura an umbrella because _ had brought two. The blank refers to: Anna\n"
                    "{text} The blank refers to:"
                ),
                plain_rewrite=_CHOICE_QUESTION,
            ),
        ),
        PaperSet(
            "mnli",
            "Does a statement entail or contradict a hypothesis?",
            PaperFile({TRAIN: "mnli_train.csv", TEST: "mnli_validation.csv"}, ("Question", "Answer")),
            paper_rows.mnli,
            Task(GradingRule.LABEL),
        ),
        PaperSet(
            "imdb",
            "Is a movie review positive or negative?",
            HubData("stanfordnlp/imdb", None, {TRAIN: "train", TEST: "test"}),
            paper_rows.imdb,
            _IMDB,
        ),
    )
}
