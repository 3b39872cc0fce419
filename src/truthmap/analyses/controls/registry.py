"""The controls, a line each, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from truthmap.errors import UsageError

FILES = (
    "question_side",
    "answer_side",
    "within_same_answer",
    "length_and_place",
    "gold_in_prompt",
    "second_grader",
    "label_noise",
    "recall_or_truth",
    "subject_removed",
    "hidden_knowledge",
    "surface",
    "transfer_geometry",
    "causal",
    "peer_probe",
    "random_network",
    "other_format",
)
"""Each file beside this one that ends with a `CONTROL`; on the command line its name has hyphens."""

ON_REQUEST = ("other_format",)
"""Those of them that read all answers once more and are measured only where they are named."""


def name_of(file: str) -> str:
    """Return what a control is called, by the name of its file.

    >>> name_of("question_side")
    'question-side'
    """
    return file.replace("_", "-")


NAMES = tuple(map(name_of, FILES))
"""What the controls are called; knowing them loads no numeric code."""


def chosen_names(only: Sequence[str] = (), without: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the controls to measure, in the registry's order.

    Args:
        only: These and no others; by default all that need not be asked for by name.
        without: Not these.

    Raises:
        UsageError: there is no such control, or none is left.
    """
    for name in map(name_of, (*only, *without)):
        if name not in NAMES:
            close = get_close_matches(name, NAMES, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise UsageError(f"there is no control {name!r}{hint}; there are {', '.join(NAMES)}")
    wanted, left_out = set(map(name_of, only)) or set(NAMES) - set(map(name_of, ON_REQUEST)), set(map(name_of, without))
    chosen = tuple(name for name in NAMES if name in wanted - left_out)
    if not chosen:
        raise UsageError(f"no control is left to measure; there are {', '.join(NAMES)}")
    return chosen


def file_of(name: str) -> str:
    """Return the name of a control's file."""
    return name.replace("-", "_")
