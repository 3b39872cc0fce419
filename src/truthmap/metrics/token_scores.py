"""What the model's own confidence says of an answer, without any training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from truthmap.answer_parts import final_answer
from truthmap.records import Answer, RowKey, Span

_SUMMARIES = (("mean", "mean"), ("total", "sum"), ("lowest", "worst token"), ("last", "last token"))


@dataclass(frozen=True)
class TokenSummary:
    """Four ways to sum up a number per token; NaN without tokens."""

    mean: float
    total: float
    lowest: float
    last: float


def mean_log_prob(answer: Answer) -> float:
    """Return the mean natural log-probability of the answer's tokens, the closing token included; NaN without any.

    Of an answer that thinks those of its final part are taken.

    This is the length-normalised sequence log-probability of Malinin and Gales, "Uncertainty Estimation in
    Autoregressive Structured Prediction" (arXiv 2002.07650).
    """
    return summarize_tokens(final_answer(answer).log_probs).mean


def summarize_tokens(values: Sequence[float], tokens: Span | None = None) -> TokenSummary:
    """Sum up what is known of each token of an answer.

    Of log-probabilities, `total` is the sequence's log-probability, `mean` the length-normalised one (Malinin and
    Gales, arXiv 2002.07650), `lowest` that of the least likely token (Manakul et al., "SelfCheckGPT", arXiv
    2303.08896), `last` that of the last token.

    Args:
        values: A number per answer token.
        tokens: Which of them to look at, as of the exact answer; by default all.
    """
    chosen = values if tokens is None else values[tokens.start : tokens.end]
    if not chosen:
        return TokenSummary(math.nan, math.nan, math.nan, math.nan)
    total = math.fsum(chosen)
    return TokenSummary(total / len(chosen), total, min(chosen), chosen[-1])


@dataclass(frozen=True)
class TokenScore:
    """One way to make a score of an answer from a number per token.

    Attributes:
        name: What it is called.
        scores: By row; NaN where an answer has no tokens.
        stand_in: What stands in where a row has no score of its own, of the whole answer; empty where all have one.
    """

    name: str
    scores: Mapping[RowKey, float]
    stand_in: Mapping[RowKey, float]

    @property
    def filled(self) -> dict[RowKey, float]:
        """The scores of all rows, the stand-ins where there is no other."""
        return {**self.stand_in, **self.scores}


def token_scores(
    what: str, values: Mapping[RowKey, Sequence[float]], exact: Mapping[RowKey, Span]
) -> Iterator[TokenScore]:
    """Yield each way to sum up a number per token: over the whole answer, and over its exact answer.

    Args:
        what: Of what: "log-prob".
        values: The numbers of each row's answer tokens, higher means surer.
        exact: The tokens of the rows' exact answers, where one was found.
    """
    for field, said in _SUMMARIES:
        whole = {i: getattr(summarize_tokens(each), field) for i, each in values.items()}
        inside = {i: getattr(summarize_tokens(values[i], tokens), field) for i, tokens in exact.items()}
        yield TokenScore(f"{what}, {said}", whole, {})
        yield TokenScore(f"{what}, {said}, exact answer", inside, whole)
