"""A clock that stands still, for chat templates that ask for the time.

transformers hands templates a function of the real time, and lets nobody hand them another. So the clock is written in
the templates' own language and put in front of them: a macro of the function's name, which looks each code of the
format up in a table.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import datetime
from functools import cache

CLOCK = "strftime_now"
"""The one way in which a chat template can ask for the time."""
TABLE = "truthmap_clock"
"""The variable that the macro reads."""
_FLAGS = ("", "-", "_", "0", "^", "#", "E", "O")
_STOPPED = (
    f"{{%- macro {CLOCK}(format) -%}}"
    "{%- set at = namespace(code='') -%}"
    "{%- for c in format -%}"
    "{%- if at.code == '' and c != '%' -%}{{ c }}"
    "{%- elif at.code == '' or at.code ~ c in ('%-', '%_', '%0', '%^', '%#', '%E', '%O') -%}"
    "{%- set at.code = at.code ~ c -%}"
    f"{{%- else -%}}{{{{ {TABLE}.get(at.code ~ c, at.code ~ c) }}}}{{%- set at.code = '' -%}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{{ at.code }}"
    "{%- endmacro +%}"  # the plus keeps a line end that the template begins with
)


def asks_the_clock(template: str) -> bool:
    """Tell whether a template asks for the time."""
    return CLOCK in template


def with_stopped_clock(template: str) -> str:
    """Return a template whose clock reads `clock_table`, which it must be given under the name `TABLE`."""
    return _STOPPED + template


@cache
def clock_table(day: str) -> Mapping[str, str]:
    """Return what each code of a format stands for at midnight of a day.

    Args:
        day: Such as `2024-07-26`.
    """
    midnight = datetime.fromisoformat(day)
    codes = [f"%{flag}{letter}" for flag in _FLAGS for letter in string.ascii_letters + "%"]
    return {code: midnight.strftime(code) for code in codes}
