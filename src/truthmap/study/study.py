"""A study: what is asked of which model, and how, as data. `truthmap.run_study` makes the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, model_validator

from truthmap.answers.engines.registry import ENGINES
from truthmap.errors import UsageError
from truthmap.probes.protocols import ProbeProtocol
from truthmap.settings_base import Leaf, Resource, Section, kept, leaves_of, marker
from truthmap.storage import is_remote
from truthmap.study.default_folder import default_folder
from truthmap.study.given import GivenObjects, take_objects
from truthmap.study.sections import (
    AnswersSection,
    GradingSection,
    GridSection,
    ModelSection,
    QuestionsSection,
    ResourcesSection,
    SecondSection,
    StatesSection,
    require_fitting_engine,
)
from truthmap.study.setting_faults import faults_of, meant_by, option_at

_ENGINE = ("answers", "engine")


def _address(value: Any) -> Any:
    """Return a URL as it is, a path as one; what is neither is left for the check of its type."""
    return Path(value) if isinstance(value, str) and not is_remote(value) else value


class Study(Section):
    """Model + questions + settings.

    Every setting can be given in its section or by its flat name, which is unique: `Study(questions={"name": "cities",
    "limit": 40})` and `Study(questions="cities", limit=40)` are the same study.

    A program may give what no file can hold: `model=(model, tokenizer)`, `questions=` a list, a data frame, a `Dataset`
    or a `QuestionSet`, `grader=` a function of a `Question` and an `Answer` that says whether it is right. The settings
    name each by its digest.

    Raises:
        UsageError: a setting is unknown or outside what is allowed; one line names each by its option.
    """

    model: ModelSection = ModelSection()
    questions: QuestionsSection = QuestionsSection()
    answers: AnswersSection = AnswersSection()
    grading: GradingSection = GradingSection()
    states: StatesSection = StatesSection()
    grid: GridSection = GridSection()
    second: SecondSection = SecondSection()
    resources: ResourcesSection = ResourcesSection()
    seed: int = Field(0, ge=0, description="Where every random choice starts: subset, split, permutations")
    protocol: ProbeProtocol = Field(
        ProbeProtocol.TRUTHMAP, description="paper: probes and exact answers as the paper made them, to compare maps"
    )
    out: Annotated[Path | str, BeforeValidator(_address)] = Field(
        Path(),
        validate_default=False,
        description="The run folder: a path, or a URL that fsspec opens (s3://bucket/run); "
        "default: runs/MODEL-QUESTIONS",
    )

    _given: GivenObjects = PrivateAttr(default_factory=GivenObjects)

    def __init__(self, **settings: Any) -> None:
        try:
            plain, given = take_objects(settings)
            super().__init__(**plain)
        except ValidationError as error:
            raise UsageError(
                f"these settings cannot be used: {'; '.join(faults_of(error, _LEAVES.values()))}"
            ) from error
        except ValueError as error:
            raise UsageError(f"these settings cannot be used: {error}") from error
        self._given = given
        _refuse_what_cannot_be_given(self)

    @property
    def given(self) -> GivenObjects:
        """What a program gave that no file can hold."""
        return self._given

    @model_validator(mode="before")
    @classmethod
    def _sort_into_sections(cls, given: Any) -> Any:
        """Put what is given by flat names into sections, and name the folder where nobody did."""
        if not isinstance(given, Mapping):
            return given
        settings: dict[str, Any] = {}
        for name, value in given.items():
            path = _path_of(name, value)
            if path is None:
                raise ValueError(f"there is no setting {name!r}{meant_by(name, (*_LEAVES, *Study.model_fields))}")
            _put(settings, path, value)
        _name_the_engine(settings)
        return settings

    @model_validator(mode="after")
    def _fits_together(self) -> Study:
        require_fitting_engine(self.model, self.answers)
        if self.out == Path():
            # The one way that pydantic leaves to set a default that depends on other fields of a frozen model.
            object.__setattr__(self, "out", _default_out(self))
        return self


def kept_settings(study: Study) -> dict[str, Any]:
    """Return, as plain data for study.yaml, the settings that make the numbers."""
    return {name: value for name, value in kept(study).items() if name not in ("resources", "out")}


def with_settings(study: Study, given: Mapping[str, Any]) -> Study:
    """Return a study with some settings changed, given by their flat names.

    Raises:
        UsageError: a setting is unknown or outside what is allowed.
    """
    plain, objects = _taken(given)
    renamed = tuple(name for name in ("model", "questions", "grader") if name in given and name not in objects.names)
    settings: dict[str, Any] = {name: getattr(study, name) for name in Study.model_fields}
    if study.out == _default_out(study):
        del settings["out"]
    if "engine" in given and given["engine"] != study.answers.engine.kind:
        settings["answers"] = {"max_new_tokens": study.answers.max_new_tokens}
    for name in renamed:
        _put(settings, settings_named(f"{name}_digest")[0].path, None)
    for name, value in plain.items():
        path = _path_of(name, value)
        if path is None:
            raise UsageError(f"there is no setting {name!r}{meant_by(name, (*_LEAVES, *Study.model_fields))}")
        _put(settings, path, value)
    return with_objects(Study(**settings), study.given.without(*renamed).with_all(objects))


def with_objects(study: Study, objects: GivenObjects) -> Study:
    """Return a study with the objects that its settings name.

    Raises:
        UsageError: its settings name others.
    """
    changed = study.model_copy()
    changed._given = objects
    for name, digest in objects.digests().items():
        known = value_of(study, settings_named(f"{name}_digest")[0])
        if digest != known:
            raise UsageError(f"the {name} given is another one: expected {known or 'none'}, got {digest}")
    _refuse_what_cannot_be_given(changed)
    return changed


def _taken(given: Mapping[str, Any]) -> tuple[dict[str, Any], GivenObjects]:
    try:
        return take_objects(given)
    except ValueError as error:
        raise UsageError(f"these settings cannot be used: {error}") from error


def _refuse_what_cannot_be_given(study: Study) -> None:
    """Refuse what does not go with objects: settings for loading what is loaded, and work done elsewhere."""
    names = study.given.names
    if not names:
        return
    engine, loads = study.answers.engine, ("revision", "dtype", "quantization", "trust_remote_code", "device_map")
    if study.resources.cluster is not None:
        raise UsageError(
            f"what a program gives ({', '.join(names)}) cannot travel to a cluster's workers: no --cluster"
        )
    if "model" in names and engine.loads_by_name:
        raise UsageError(f"{engine.kind} loads the model by its name: name one, or leave --engine out")
    for leaf in settings_named(*loads) if "model" in names else ():
        if value_of(study, leaf) != leaf.field.default:
            raise UsageError(f"{leaf.name} is for a model that is loaded by its name; the one given is loaded already")


def settings_of_a_study() -> tuple[Leaf, ...]:
    """Return every setting that a study has, those of every engine included."""
    return tuple(_LEAVES.values())


def value_of(study: Study, leaf: Leaf) -> Any:
    """Return the value of a setting; `None` for one of an engine that the study does not have."""
    value: Any = study
    for name in leaf.path:
        value = getattr(value, name, None)
    return value


def kept_leaves(study: Study) -> Iterator[Leaf]:
    """Yield the settings that make a study's numbers, and those of its engine that are written down."""
    for leaf in _LEAVES.values():
        resource = marker(leaf.field, Resource)
        elsewhere = leaf.path[0] in ("resources", "out") or (resource is not None and not resource.written_down)
        of_an_engine = len(leaf.path) == 3 and leaf.path[:2] == _ENGINE
        if not elsewhere and (not of_an_engine or hasattr(study.answers.engine, leaf.path[2])):
            yield leaf


def changed_settings(study: Study) -> Iterator[Leaf]:
    """Yield the settings that make a study's numbers and are not as they are by default; the model is named always."""
    for leaf in kept_leaves(study):
        value = value_of(study, leaf)
        default = leaf.field.get_default(call_default_factory=True)
        as_by_default = value is None or value == default or _same_kind(value, default)
        if leaf.path == ("model", "name") or not as_by_default:
            yield leaf


def _same_kind(value: Any, default: Any) -> bool:
    """Tell whether two engines are of one kind; their own settings are told one by one."""
    return isinstance(value, Section) and type(value) is type(default)


def settings_named(*names: str) -> tuple[Leaf, ...]:
    """Return the settings with these flat names, in this order."""
    return tuple(_LEAVES[name] for name in names)


def _leaves() -> Iterator[Leaf]:
    for leaf in leaves_of(Study):
        if leaf.path == _ENGINE:
            yield leaf
            for kind in ENGINES.values():
                yield from (own for own in leaves_of(kind, _ENGINE) if own.path[-1] != "kind")
        else:
            yield leaf


_LEAVES = {leaf.name: leaf for leaf in _leaves()}
_INNER = {path[-1]: path for leaf in _LEAVES.values() if len(path := leaf.path[:2]) == 2}  # may be sections too


def _path_of(name: str, value: Any) -> tuple[str, ...] | None:
    """Return where a setting goes that is given under a name; a section that is given as one goes as it is."""
    if name in Study.model_fields and (isinstance(value, (Mapping, Section)) or name not in _LEAVES):
        return (name,)
    if name in _INNER and isinstance(value, (Mapping, Section)):
        return _INNER[name]
    leaf = _LEAVES.get(name)
    if leaf is None:
        return None
    return (*leaf.path, "kind") if leaf.path == _ENGINE else leaf.path


def _put(settings: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put a value at its path; a section that was given as an object or a mapping is opened for it."""
    *sections, last = path
    here = settings
    for name in sections:
        here[name] = here = _opened(here.get(name))
    if isinstance(value, Section) and isinstance(here.get(last), dict):
        value = _opened(value)
    if isinstance(value, Mapping) and isinstance(here.get(last), dict):
        here[last] = {**value, **here[last]}
    else:
        here[last] = value


def _opened(section: Any) -> dict[str, Any]:
    if isinstance(section, Section):
        return {name: getattr(section, name) for name in type(section).model_fields}
    return dict(section) if isinstance(section, Mapping) else {}


def _name_the_engine(settings: dict[str, Any]) -> None:
    """Say which engine is meant where its settings were given by flat names, and refuse those of another."""
    answers = settings.get("answers")
    engine = answers.get("engine") if isinstance(answers, dict) else None
    if not isinstance(engine, dict):
        return
    kind = engine.setdefault("kind", "transformers")
    if kind not in ENGINES:
        raise ValueError(f"--engine: there is no engine {kind!r}; expected one of {', '.join(ENGINES)}")
    for name in list(engine):
        if name in ENGINES[kind].model_fields:
            continue
        of = [each for each in ENGINES if name in ENGINES[each].model_fields]
        if of and engine[name] in (None, ENGINES[of[0]].model_fields[name].default):
            del engine[name]
        elif of:
            raise ValueError(
                f"{option_at((*_ENGINE, name), _LEAVES.values())} goes with --engine {of[0]}, not with {kind}"
            )


def _default_out(study: Study) -> Path:
    return default_folder(study.model.name, study.questions.name)
