"""Answers that decline to answer."""

from __future__ import annotations

import re

from truthmap.text import normalized

# Normalized text: lower case, no accents, hyphens are blanks, one kind of apostrophe.
_NOT = r"(?:do not|don't|dont|cannot|can't|can not|am not able to|could not|couldn't|am unable to|'m unable to)"
_KNOW = (
    r"(?:know|answer|say|tell|determine|provide|find|recall|remember|help|assist|identify|give|"
    r"have (?:any |enough |the |access|that |specific |real|information|personal))"
)
_PATTERNS = (
    rf"\bi (?:really |simply |just )?{_NOT} (?:really |currently |actually )?{_KNOW}",
    r"\bi(?: am|'m) (?:not (?:sure|certain|aware|familiar|able)|unsure|uncertain|unable|sorry)",
    r"\bi (?:have )?no (?:idea|information|knowledge)",
    r"^(?:sorry|my apologies|i apologi[sz]e|unfortunately)\b",
    r"\bas an ai\b",
    r"\b(?:not|n't) (?:enough|sufficient) (?:information|context|details?)\b",
    r"\b(?:cannot|can't|can not) be (?:determined|answered|known|identified)\b",
    r"\bit is (?:not possible|impossible) to (?:say|know|determine|tell|answer)\b",
    r"^(?:unknown|no answer|not known|n/a|none of the above|no information)\W*$",
)
_REFUSAL = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS))
# What is said after a refusal to give an answer all the same.
_OFFER = re.compile(
    r"\b(?:perhaps|maybe|possibly|probably|likely|i (?:think|believe|guess|would say|suppose)|"
    r"my (?:best |only )?guess|it (?:might|may|could|is probably) be)\b"
)
# A refusal is said at once; later in a long answer such words qualify what was said.
_OPENING = 300


def is_refusal(text: str, *, open_question: bool = False) -> bool:
    """Return whether an answer declines to answer ("I don't know", "As an AI, …"); for English answers.

    Grading asks this only of answers that name nothing that could be right or wrong: "I'm not sure, perhaps Peru" names
    Peru and is graded by it. With an open question nobody knows what could be named: there an answer that goes on to
    offer something ("perhaps", "I think", "my guess") is no refusal.
    """
    opening = normalized(text[:_OPENING])
    match = _REFUSAL.search(opening)
    if match is None:
        return False
    return not (open_question and _OFFER.search(opening, match.end()))
