"""What is said of a setting besides its type: its name as an option, and whether any number depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

Marker = TypeVar("Marker")


@dataclass(frozen=True)
class Option:
    """A setting's flat name: `Study(limit=40)`, `--limit 40`; without a marker it is the field's own.

    Attributes:
        name: The flat name, in Python's form.
        flag: The option's name where it is another one: what can be given several times is named in the singular.
        takes: What stands for its value in a help text, where that is no value of its type but a file to read it from.
        in_python: Only a program sets it; the command line has no such option.
    """

    name: str
    flag: str | None = None
    takes: str | None = None
    in_python: bool = False


@dataclass(frozen=True)
class Resource:
    """Marks a setting that says where and how fast, not what: no stage's key depends on it.

    Attributes:
        written_down: Whether study.yaml keeps it all the same, for later commands. What says where prompts or a key are
            sent is never kept: the folder may be somebody else's.
    """

    written_down: bool = False


@dataclass(frozen=True)
class Later:
    """Marks a setting that older versions did not have: at its default no key depends on it, so their results hold."""


class Section(BaseModel):
    """A part of a study's settings.

    Attributes:
        title: What its settings are called together, in a help text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: ClassVar[str] = "Study"


@dataclass(frozen=True)
class Leaf:
    """A single setting.

    Attributes:
        path: The names that lead to it from the study: `("questions", "limit")`.
        name: Its flat name.
        flag: Its option's name on the command line, in Python's form.
        field: Its type, default and description.
        title: Of the section that it is in.
    """

    path: tuple[str, ...]
    name: str
    flag: str
    field: FieldInfo
    title: str

    @property
    def option(self) -> str:
        """The setting's option on the command line."""
        return "--" + self.flag.replace("_", "-")


def marker(field: FieldInfo, kind: type[Marker]) -> Marker | None:
    """Return a field's marker of one kind, if it has any."""
    return next((each for each in field.metadata if isinstance(each, kind)), None)


def leaves_of(model: type[Section], path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield the settings of a section, those of sections within it included."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from leaves_of(inner, (*path, name))
        else:
            named = marker(field, Option)
            flat = named.name if named else name
            yield Leaf((*path, name), flat, (named and named.flag) or flat, field, model.title)


def keyed(settings: BaseModel) -> dict[str, Any]:
    """Return, as plain data, what numbers depend on."""
    return _dumped(
        settings, lambda field, value: marker(field, Resource) is not None or _is_later_default(field, value)
    )


def kept(settings: BaseModel) -> dict[str, Any]:
    """Return, as plain data, what study.yaml keeps."""
    return _dumped(settings, lambda field, value: _is_not_written_down(field) or is_unset_object(field, value))


def is_unset_object(field: FieldInfo, value: Any) -> bool:
    """Tell whether a setting is one that a program sets, and none has."""
    option = marker(field, Option)
    return value is None and option is not None and option.in_python


def _is_not_written_down(field: FieldInfo) -> bool:
    resource = marker(field, Resource)
    return resource is not None and not resource.written_down


def _is_later_default(field: FieldInfo, value: Any) -> bool:
    return marker(field, Later) is not None and value == field.get_default(call_default_factory=True)


def _dumped(settings: BaseModel, left_out: Callable[[FieldInfo, Any], bool]) -> dict[str, Any]:
    plain = settings.model_dump(mode="json")
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if left_out(field, value):
            del plain[name]
        elif isinstance(value, BaseModel):
            plain[name] = _dumped(value, left_out)
    return plain
