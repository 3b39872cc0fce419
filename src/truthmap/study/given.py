"""What a program gives to a study that no file can hold: a loaded model, questions, a grader.

A study's settings name each by its digest, so that the run can be gone on with with the same ones, and not with others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import BaseModel

from truthmap.errors import QuestionsError
from truthmap.grading.given import Grader, grader_digest
from truthmap.lm.identity import model_digest
from truthmap.questions.given import GivenQuestions
from truthmap.questions.tasks import GradingRule

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class HasModel(Protocol):
    """Anything with a model and its tokenizer: a `LanguageModel`, a pipeline of transformers."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


@dataclass(frozen=True)
class GivenModel:
    """A loaded model with its tokenizer, what it is called, and its digest."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    digest: str


@dataclass(frozen=True)
class GivenObjects:
    """What was given to a study; `None` where its settings name it by a name."""

    model: GivenModel | None = None
    questions: GivenQuestions | None = None
    grader: Grader | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Which of them were given."""
        return tuple(name for name in ("model", "questions", "grader") if getattr(self, name) is not None)

    def digests(self) -> dict[str, str]:
        """Return the digest of each that was given."""
        known = {
            "model": None if self.model is None else self.model.digest,
            "questions": None if self.questions is None else self.questions.digest,
            "grader": None if self.grader is None else grader_digest(self.grader),
        }
        return {name: digest for name, digest in known.items() if digest is not None}

    def without(self, *names: str) -> GivenObjects:
        """Return the others: those that are named here are given by a name now."""
        return replace(self, **dict.fromkeys(set(names) & set(self.names)))

    def with_all(self, others: GivenObjects) -> GivenObjects:
        """Return these with others put in their places."""
        return replace(self, **{name: getattr(others, name) for name in others.names})


def take_objects(settings: Mapping[str, Any]) -> tuple[dict[str, Any], GivenObjects]:
    """Part what a program gives into settings that can be written down and the objects that they name.

    Args:
        settings: As `Study` takes them.

    Returns:
        The settings, with a name and a digest in the place of each object; and the objects.

    Raises:
        ValueError: what was given as model, questions or grader is none; says what was expected.
    """
    plain = {name: fspath(value) if isinstance(value, PathLike) else value for name, value in settings.items()}
    model = questions = grader = None
    if _is_object(plain.get("model")):
        model = _model(plain["model"])
        plain["model"] = {"name": model.name, "digest": model.digest}
    if _is_object(plain.get("questions")):
        try:
            questions = GivenQuestions.of(plain["questions"])
        except QuestionsError as error:
            raise ValueError(f"questions: {error}") from error
        plain["questions"] = {"name": questions.name, "digest": questions.digest}
    if callable(plain.get("grader")):
        grader = plain.pop("grader")
        plain["grader_digest"] = grader_digest(grader)
        plain.setdefault("grading", GradingRule.GIVEN)
    elif plain.get("grader", 0) is None:
        del plain["grader"]
    return plain, GivenObjects(model, questions, grader)


def _is_object(value: Any) -> bool:
    """Tell whether a value is neither a name nor a section of settings, as objects or as plain data."""
    is_data = isinstance(value, Mapping) and not hasattr(value, "column_names")
    return value is not None and not isinstance(value, (str, BaseModel)) and not is_data


def _model(given: Any) -> GivenModel:
    if isinstance(given, (tuple, list)) and len(given) == 2:
        model, tokenizer = given if hasattr(given[0], "state_dict") else reversed(given)
    else:
        model, tokenizer = (getattr(given, name, None) for name in ("model", "tokenizer"))
    if not (hasattr(model, "state_dict") and hasattr(model, "config") and hasattr(tokenizer, "get_vocab")):
        raise ValueError(
            f"model: expected a name, or a loaded model with its tokenizer, (model, tokenizer); got {_what(given)}"
        )
    if model.config.is_encoder_decoder:
        raise ValueError(f"model: {type(model).__name__} is an encoder-decoder; truthmap reads decoders")
    name = getattr(given, "name", None) or getattr(model.config, "_name_or_path", "") or type(model).__name__
    model, tokenizer = cast("PreTrainedModel", model), cast("PreTrainedTokenizerBase", tokenizer)
    return GivenModel(str(name), model, tokenizer, model_digest(model, tokenizer))


def _what(given: Any) -> str:
    if isinstance(given, (tuple, list)):
        return f"({', '.join(type(each).__name__ for each in given)})"
    return type(given).__name__
