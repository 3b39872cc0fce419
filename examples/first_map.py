"""The first map: where inside a small model the correctness of its answers can be read.

The built-in model is asked 150 questions about cities. Its hidden states are kept at fifteen places of each answer,
and a linear probe is fitted in every layer at each. Dark blue: it tells right answers from wrong ones it has not seen.
150 questions are enough to see how it works; a map to draw conclusions from takes about 1,000 (`make demo`).
"""

from truthmap import Bars, Study, run_study

study = Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities")
run = run_study(study, progress=Bars())  # killed and started again, it goes on; finished, it is only opened

print(run.summary)
print("answers:", run.summary.right, "right,", run.summary.wrong, "wrong")
run.plot().figure.savefig("first_map.png", dpi=70)
