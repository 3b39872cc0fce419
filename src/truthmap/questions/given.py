"""Questions that a program gives: a list, a data frame, a data set of the hub's library, a question set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.files import digest_of
from truthmap.questions.loading import QuestionSettings, question_set_of_rows
from truthmap.questions.question_set import QuestionSet, asdict_shallow, choose, question_set
from truthmap.questions.readers import Row
from truthmap.questions.user_files import Tally, user_file_task
from truthmap.records import Question

NAME = "given"
"""What a set is called that a program gives without a name."""
_FORMS = (
    "a list of questions (each a Question, a mapping with the columns of a question file, or a pair of question and "
    "accepted answer), a data frame, a Dataset, or a QuestionSet"
)


@dataclass(frozen=True)
class GivenQuestions:
    """Questions as a program gave them, before any is chosen.

    Attributes:
        name: What the set is called.
        digest: SHA-256 of what was given, in hexadecimal.
        whole: The set, where it was given as one.
        rows: Else the rows, each by its columns, or the questions themselves.
    """

    name: str
    digest: str
    whole: QuestionSet | None = None
    rows: tuple[Mapping[str, Any] | Question, ...] = ()

    @classmethod
    def of(cls, given: Any) -> GivenQuestions:
        """Take questions in any of the usual forms.

        Raises:
            QuestionsError: they are in none of them, or there are none.
        """
        if isinstance(given, QuestionSet):
            return cls(given.name, given.digest, given)
        rows = tuple(_rows(given))
        if not rows:
            raise QuestionsError(f"the questions that were given are none; expected {_FORMS}")
        if len({isinstance(row, Question) for row in rows}) > 1:
            raise QuestionsError(
                f"some of the questions that were given are a Question, some are not; expected {_FORMS}"
            )
        plain = [asdict_shallow(row) if isinstance(row, Question) else row for row in rows]
        return cls(NAME, digest_of(plain), rows=rows)

    def load(self, settings: QuestionSettings) -> QuestionSet:
        """Return the question set, of as many as the settings say.

        Raises:
            QuestionsError: rows make no question, and `skip_bad` is not set; or ids come twice.
        """
        whole = self.whole
        if whole is not None:
            if settings.limit is None:
                return whole
            return question_set(whole.name, choose(whole.questions, settings.limit, settings.seed), whole.task)
        questions = tuple(row for row in self.rows if isinstance(row, Question))
        if questions:
            _require_distinct(questions)
            tally = Tally()
            chosen = choose(tally.note(questions), settings.limit, settings.seed)
            return question_set(self.name, chosen, user_file_task(tally))
        mappings = [row for row in self.rows if not isinstance(row, Question)]
        columns = dict.fromkeys(name for row in mappings for name in row)  # a column may begin in a later row
        rows = (Row(number, {**columns, **row}) for number, row in enumerate(mappings, start=1))
        return question_set_of_rows(self.name, rows, settings)


def _rows(given: Any) -> Iterator[Mapping[str, Any] | Question]:
    if isinstance(given, Mapping):
        names = ", ".join(map(str, list(given)[:5]))
        raise QuestionsError(f"expected {_FORMS}; got a mapping ({names}): choose one of its parts")
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        given = given.to_dict("records")
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise QuestionsError(f"expected {_FORMS}; got {type(given).__name__}")
    for number, row in enumerate(given, start=1):
        if isinstance(row, Question):
            yield row
        elif isinstance(row, Mapping):
            yield {str(name): _plain(value) for name, value in row.items()}
        elif isinstance(row, (tuple, list)) and len(row) == 2:
            yield {"question": _plain(row[0]), "accepted": _plain(row[1])}
        else:
            raise QuestionsError(f"question {number} is {type(row).__name__}; expected {_FORMS}")


def _plain(value: Any) -> Any:
    """Return a cell of a data frame as Python has it: arrays as lists, numbers as numbers, what is missing as none."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    # Whatever is not equal to itself says that a value is missing (NaN, NaT); so does pandas' NA, which has no answer.
    return None if _is_missing(value) else value if isinstance(value, float) else str(value)


def _is_missing(value: Any) -> bool:
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True


def _require_distinct(questions: tuple[Question, ...]) -> None:
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise QuestionsError(f"the id {question.id[:40]!r} comes twice among the questions that were given")
        seen.add(question.id)
