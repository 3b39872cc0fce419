"""Whether an answer says yes or no."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from truthmap.grading.lexicon import POLARITY, Mark, Sign
from truthmap.grading.reading import Reading, Stance
from truthmap.grading.tokens import Token, tokenize
from truthmap.questions.polarity_words import NO_WORDS, YES_WORDS
from truthmap.records import Span

YES, NO = "yes", "no"
_AUXILIARIES = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "can",
        "could",
        "will",
        "would",
        "should",
        "may",
        "might",
        "must",
        "am",
        "shall",
    ]
)
_PRONOUNS = frozenset(["it", "he", "she", "they", "this", "that", "there", "we", "you", "i", "these", "those"])
_SUBJECTS = frozenset(["it", "he", "she", "they"])
_JOINS = frozenset(["but", "and", "so", "though", "although"])
_NOT = frozenset(["not"])
_SENTENCES = 3  # that are looked through for what is said of "it"
_LEADS = (Sign.ANSWERS, Sign.CONCLUDES, Sign.CONTRASTS, Sign.VERB, Sign.CORRECTS, Sign.AND, Sign.OR)
_ELLIPSIS = frozenset(("...", "…"))


@dataclass(frozen=True, slots=True)
class Polarity:
    """What an answer says: yes (true) or no, and where."""

    yes: bool
    span: Span


@dataclass(frozen=True, slots=True)
class _Word:
    mark: Mark
    yes: bool
    stance: Stance


def read_polarity(reading: Reading, question: str) -> tuple[Polarity | None, bool]:
    """Return what an answer to a yes-or-no question says, `None` if neither, and whether it says both.

    That is the first word that says so by itself ("No, …", "the answer is yes", "that is true"), the one that a
    conclusion draws or a correction puts in its place; else what "it is not" or a repetition of the question says.
    """
    words = _words(reading)
    said = [word for word in words if word.stance is Stance.SAID] or words
    if said:
        if _both(reading, said):
            return None, True
        chosen = _concluded(reading, said)
        return Polarity(chosen.yes, _span(reading, chosen.mark.start, chosen.mark.end)), False
    return _by_statement(reading, question) or _by_pronoun(reading, question), False


def asks_polarity(question: str) -> bool:
    """Return whether a question asks for yes or no: it begins with a verb such as is or does, and offers no choice."""
    words = [token.norm for token in tokenize(question[:2000])]
    sentence = _last_question(words)
    return bool(sentence) and sentence[0] in _AUXILIARIES and "or" not in sentence


def _last_question(words: list[str]) -> list[str]:
    """Return the words of the question itself, without what stands before it."""
    while words and words[-1] in ("?", "？", '"', "\n"):
        words = words[:-1]
    ends = [index for index, word in enumerate(words) if word in (".", "!", "?", "\n", ":")]
    return words[ends[-1] + 1 :] if ends else words


def _words(reading: Reading) -> list[_Word]:
    marks = (mark for mark in reading.language.marks(reading.tokens, POLARITY) if mark.sign in (Sign.YES, Sign.NO))
    alone = [mark for mark in marks if _stands_alone(reading, mark)]
    alone = alone or _opening_word(reading)
    found = [_Word(mark, mark.sign is Sign.YES, _stance(reading, mark)) for mark in alone]
    return [_negated(reading, word) for word in _without_stress(reading, found)]


def _without_stress(reading: Reading, found: list[_Word]) -> list[_Word]:
    """Leave out what only stresses the yes or no right behind it: "of course, no", "certainly: yes"."""
    stressed = set[int]()
    for number, (earlier, later) in enumerate(pairwise(found)):
        between = reading.tokens[earlier.mark.end : later.mark.start]
        if reading.tokens[earlier.mark.start].norm not in YES_WORDS | NO_WORDS and not any(t.word for t in between):
            stressed.add(number)
    return [word for number, word in enumerate(found) if number not in stressed]


def _opening_word(reading: Reading) -> list[Mark]:
    """Return the first word where it says yes or no in any language."""
    if not reading.tokens or (len(reading.tokens) > 1 and reading.tokens[1].word):
        return []
    first = reading.tokens[0].norm
    sign = Sign.YES if first in YES_WORDS else Sign.NO if first in NO_WORDS else None
    return [] if sign is None else [Mark(0, 1, sign)]


def _stands_alone(reading: Reading, mark: Mark) -> bool:
    """Return whether a word says yes or no by itself, not as part of what is said: "no sugar", "the true size"."""
    tokens = reading.tokens
    ends = mark.end == len(tokens) or not tokens[mark.end].word
    before = tokens[mark.start - 1] if mark.start else None
    lead = reading.sign_at[mark.start - 1] if mark.start else None
    opens = before is None or not before.word or (lead is not None and lead.sign in _LEADS)
    opens = opens or (
        before is not None and before.norm in ("say", "is", "as", "was", "answer", "says", "said", "with", "indeed")
    )
    if ends and opens:
        return True
    if not opens or (before is not None and before.word):
        return False
    # "Yes it is", "No they do not": no mark follows.
    after = tokens[mark.end].norm
    return after in _PRONOUNS or (
        mark.sign is Sign.YES and tokens[mark.start].norm in ("yes", "oui", "ja", "si", "sim", "да")
    )


def _stance(reading: Reading, mark: Mark) -> Stance:
    stance = reading.stance(mark.start, mark.end)
    return Stance.SAID if stance in (Stance.DENIED, Stance.ASKED) and not _attributed(stance) else stance


def _attributed(stance: Stance) -> bool:
    return stance is Stance.SUPPOSED


def _negated(reading: Reading, word: _Word) -> _Word:
    """Turn "not false", "isn't true" round, where the list of words does not hold the phrase."""
    mark = word.mark
    before = reading.sign_at[mark.start - 1] if mark.start else None
    if before is not None and before.sign is Sign.NEGATES and reading.tokens[mark.start].norm not in ("yes", "no"):
        return _Word(mark, not word.yes, word.stance)
    return word


def _both(reading: Reading, said: list[_Word]) -> bool:
    """Return whether an answer says "yes and no", "yes or no"."""
    if len(said) < 2 or said[0].yes == said[1].yes:
        return False
    between = reading.tokens[said[0].mark.end : said[1].mark.start]
    joined = [token.norm for token in between]
    return (
        joined in (["or"], ["and"], ["/"], ["both"], ["oder"], ["ou"], ["o"], ["y"], ["et"], ["und"]) and len(said) == 2
    )


def _concluded(reading: Reading, said: list[_Word]) -> _Word:
    for mark in reversed(reading.marks):
        reading.budget.check()
        after = [word for word in said if word.mark.start >= mark.end]
        close = after and after[0].mark.start - mark.end <= 4
        if close and mark.sign in (Sign.ANSWERS, Sign.CONCLUDES):
            return after[0]
        if close and mark.sign is Sign.CORRECTS and reading.tokens[mark.start].norm not in reading.language.lone_no:
            return after[0]
    for earlier, later in pairwise(said):
        gap = [token.norm for token in reading.tokens[earlier.mark.end : later.mark.start]]
        if earlier.yes != later.yes and len(gap) <= 4 and (gap.count(".") > 1 or "…" in gap):
            return later
    return said[0]


def _by_statement(reading: Reading, question: str) -> Polarity | None:
    """Read "It is not.", "They do." and a first sentence that repeats the question: "Ice is not hot."."""
    if not reading.sentences:
        return None
    low, high = reading.sentences[0]
    high = next((index for index in range(low + 1, high) if reading.tokens[index].norm in (";", ":", ",")), high)
    words = [token for token in reading.tokens[low:high] if token.word]
    negates = any(mark is not None and mark.sign is Sign.NEGATES for mark in reading.sign_at[low:high])
    if not words:
        return None
    span = Span(words[0].start, words[-1].end)
    norms = [token.norm for token in words]
    elliptical = (
        len(norms) > 1 and norms[0] in _PRONOUNS and norms[1].removesuffix("n't") in _AUXILIARIES | {"ca", "wo"}
    )
    if elliptical and set(norms[2:]) <= {"not", "so", "too", "indeed", "true", "correct"}:
        return Polarity(not negates, span)
    asked = [token for token in tokenize(question) if token.word]
    content = _content(reading, asked)
    if not content or not _last_question([token.norm for token in asked])[:1] or asked[0].norm not in _AUXILIARIES:
        return None
    said = {_stem(token.norm) for token in words}
    own = _content(reading, words)
    repeats = content <= said or (elliptical and bool(own) and own <= content and asks_polarity(question))
    if not repeats or any(token.norm.endswith("n't") or token.norm == "not" for token in asked):
        return None
    return Polarity(not negates, span)


def _by_pronoun(reading: Reading, question: str) -> Polarity | None:
    """Read a later clause that says of the question's subject what was asked: "The Sun is hot, but it is no planet"."""
    asked = [token for token in tokenize(question) if token.word]
    wanted = _content(reading, asked)
    if not asks_polarity(question) or any(token.norm in _NOT or token.norm.endswith("n't") for token in asked):
        return None
    for low, high in reading.sentences[:_SENTENCES]:
        named = set[str]()
        for start, end in _clauses(reading, low, high):
            words = [token for token in reading.tokens[start:end] if token.word]
            said = _said_of_it(words)
            own = _content(reading, said or words)
            if said and own < wanted <= own | named and own:
                negates = any(mark is not None and mark.sign is Sign.NEGATES for mark in reading.sign_at[start:end])
                return Polarity(not negates, Span(words[0].start, words[-1].end))
            named |= own & wanted
    return None


def _clauses(reading: Reading, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Give the clauses of a sentence, as its commas and semicolons part it."""
    cuts = [index for index in range(low, high) if reading.tokens[index].norm in (";", ":", ",")]
    return zip([low, *(cut + 1 for cut in cuts)], [*cuts, high], strict=True)


def _said_of_it(words: Sequence[Token]) -> Sequence[Token]:
    """Return what a clause that begins with "it is", "but they do not" goes on with; nothing of another clause."""
    begin = 1 if words and words[0].norm in _JOINS else 0
    norms = [token.norm for token in words[begin : begin + 2]]
    is_one = len(norms) > 1 and norms[0] in _SUBJECTS and norms[1].removesuffix("n't") in _AUXILIARIES | {"s", "re"}
    return words[begin + 2 :] if is_one else ()


def _content(reading: Reading, asked: Sequence[Token]) -> set[str]:
    return {
        _stem(token.norm)
        for token in asked
        if token.norm not in reading.language.glue | _AUXILIARIES | _PRONOUNS | {"not", "no", "never"}
    }


def _stem(word: str) -> str:
    for ending in ("ing", "es", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _span(reading: Reading, start: int, end: int) -> Span:
    return Span(reading.tokens[start].start, reading.tokens[end - 1].end)
