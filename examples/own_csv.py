"""Questions of your own, from a CSV file.

A file needs a column with questions and one with the accepted answers (several are parted by `|`). Here it holds sums,
which the built-in model does badly: most answers are wrong, and the map says how many it has of each.
"""

import csv
from pathlib import Path

from truthmap import Bars, Study, run_study

rows = [(f"What is {a} + {b}?", a + b) for a in range(2, 14) for b in range(2, 12)]
with Path("sums.csv").open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["question", "answer"])
    writer.writerows(rows)

study = Study(
    model="smollm2",
    questions="sums.csv",
    prompt_template="{text} Answer with a number.",
    max_new_tokens=12,
    permutations=20,
    out="runs/sums",
)
run = run_study(study, progress=Bars())
print(run.summary)
print(run.answers()[["question", "answer", "outcome", "why"]].head(8).to_string(index=False))
run.plot().figure.savefig("own_csv.png", dpi=70)
