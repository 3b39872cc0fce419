"""What the probe tells among answers that say the same: there, which answers tend to be right is of no help.

As on the map: every pair of a right and a wrong test answer with one exact answer, the interval by question. Whoever
knows only which answers are usually right gets 0.5.
"""

from __future__ import annotations

from truthmap.analyses.controls.base import Control, ControlResult
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import (
    ControlReading,
    ControlVerdict,
    amount,
    remaining,
    verdict_on,
)
from truthmap.errors import NotEnoughDataError
from truthmap.metrics.within_answer import measure_within


def measure_within_same_answer(context: ControlContext) -> ControlResult:
    """Measure the probe, and the best text baseline, over right-wrong pairs of test answers that say the same.

    Raises:
        NotEnoughDataError: there are no such pairs in two groups of either outcome.
    """
    tested = context.tested
    words = context.text_fit.score(context.texts.take(tested.ids))
    text = [words[row] for row in tested.ids]
    found = measure_within(tested.canonical, tested.y, tested.group, context.probe.tolist(), text)
    if found is None:
        raise NotEnoughDataError("hardly any right and wrong test answers say the same")
    readings = [remaining("pairs that say the same", found.probe, context.auc)]
    if found.text is not None:
        readings.append(ControlReading(name="the same pairs, words", value=found.text))
    head, verdict = readings[0], verdict_on(readings[0])
    says = (
        f"Among test answers that say the same the probe gets {found.probe.short} of its {context.auc.value:.2f}, over "
        f"{found.probe.n:,} right-wrong pairs of {found.exact_answers:,} exact answers: "
    )
    return ControlResult(verdict, says + _meaning(head, verdict), tuple(readings))


def _meaning(head: ControlReading, verdict: ControlVerdict) -> str:
    if verdict is ControlVerdict.UNCLEAR:
        return "too few to say whether it knows more than which answers are usually right."
    if verdict is ControlVerdict.NOTHING:
        return "it is not shown to know more than which answers are usually right."
    return f"{amount(head.share_left or 0.0)} of what it reads is more than which answers are usually right."


CONTROL = Control("within-same-answer", "the map's own control", measure_within_same_answer)
