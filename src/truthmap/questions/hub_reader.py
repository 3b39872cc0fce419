"""Rows of a data set on the Hugging Face hub, through the `datasets` library, as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from truthmap.errors import QuestionsError
from truthmap.questions.readers import Row

_ID = re.compile(
    r"(?:hub:)?(?P<id>[\w.-]{1,100}/[\w.-]{1,100})(?:@(?P<revision>[\w./-]{1,200}))?"
    r"(?::(?P<config>[\w.-]{0,200}))?(?::(?P<split>[\w.\[\]%:-]{1,200}))?"
)
_BUFFER = 10_000


@dataclass(frozen=True, slots=True)
class HubName:
    """A data set of the hub as it is named on a command line: `owner/name[@revision][:config][:split]`."""

    id: str
    config: str | None = None
    split: str = "train"
    revision: str | None = None


def hub_name(text: str) -> HubName | None:
    """Read a name `owner/name[@revision][:config][:split]`; `None` if it is none."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    return HubName(match["id"], match["config"] or None, match["split"] or "train", match["revision"])


def read_hub(name: HubName, most: int | None = None) -> Iterator[Row]:
    """Read the rows of a data set as a stream; `most`: only so many, of a stream shuffled through a buffer of 10,000.

    Code that comes with a data set is not run.

    Raises:
        QuestionsError: the extra `hub` is not installed, there is no such data set, or the hub cannot be reached.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise QuestionsError(
            f"{name.id} is on the Hugging Face hub, which needs the extra hub: pip install 'truthmap[hub]'"
        ) from error
    try:
        stream: Any = load_dataset(name.id, name.config, split=name.split, revision=name.revision, streaming=True)
        if most is not None:
            stream = stream.shuffle(seed=0, buffer_size=min(most, _BUFFER)).take(most)
        for number, values in enumerate(stream, start=1):
            yield Row(number, values)
    except GeneratorExit:
        raise
    except Exception as error:
        where = f"{name.id}{'' if name.config is None else f' ({name.config})'}, split {name.split}"
        text = " ".join(str(error).split())[:300]
        raise QuestionsError(f"{where} cannot be read from the hub: {type(error).__name__}: {text}") from error
