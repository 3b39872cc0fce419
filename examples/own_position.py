"""A position of your own: by a rule, or by a function of the answer; the model reads what the run has not stored."""

import matplotlib.pyplot as plt

from truthmap import Bars, LogisticProbe, Study, load_model, run_study
from truthmap.metrics import auc_estimate

run = run_study(
    Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"), progress=Bars()
)
best, lm = run.summary, load_model("smollm2")


def first_capital(answer, grade):
    """Return the token that wrote the answer's first capital letter, behind its first word."""
    letters = [n for n, letter in enumerate(answer.text) if letter.isupper() and n > 0]
    wrote = [n for n, (start, end) in enumerate(answer.offsets) if letters and start <= letters[0] < end]
    return len(answer.prompt_ids) + wrote[0] if wrote else None


names, values = [], []
for place in ("last_q", "answer[2]", "mean(exact)", "exact_answer_last", first_capital):
    cell = run.dataset(best.layer, place, lm=lm)
    probe = LogisticProbe(C=0.01).fit(cell.x[~cell.test], cell.y[~cell.test])
    found = auc_estimate(probe.decision_function(cell.x[cell.test]), cell.y[cell.test])
    names.append(getattr(place, "__name__", place))
    values.append(found)
    print(f"{names[-1]:18} {found}  {cell.missing} answers have no such token")

figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
errors = [[v.value - v.low for v in values], [v.high - v.value for v in values]]
axes.errorbar([v.value for v in values], names, xerr=errors, fmt="o", capsize=3)
axes.axvline(0.5, color="grey", linestyle=":")
axes.set_xlabel(f"AUC on test, layer {best.layer}")
figure.savefig("own_position.png", dpi=70)
