"""An answer to be read: each token where the map has a probe is shaded by what that probe says of it.

The probes have not seen the answer. In a notebook `run.show(id)` alone shows it, shaded blue and orange.
"""

from pathlib import Path

from truthmap import Bars, Study, run_study

run = run_study(
    Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"), progress=Bars()
)
table = run.answers()
wrong = table[(table["outcome"] == "wrong") & (table["split"] != "test")].sort_values("score")
shown = run.show(wrong["id"].iloc[0])  # the wrong answer that the best cell trusts least
print(shown)
Path("answer.html").write_text(shown._repr_html_(), encoding="utf-8")
print()
print(run.show(wrong["id"].iloc[0], by="log_prob"))
