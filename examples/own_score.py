"""A score of your own against the probe: on the same test answers, with the paired interval of the difference.

The score here is the length of the answer, which nobody should trust; put in your own, one number for each answer.
"""

import numpy as np

from truthmap import Bars, Study, run_study
from truthmap.analyses import compare_run, draw_comparison
from truthmap.metrics import auc_estimate, auc_gain

run = run_study(
    Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"), progress=Bars()
)
table = run.answers()
tested = table[(table["split"] == "test") & table["score"].notna()]
right = (tested["outcome"] == "right").to_numpy()
mine = -tested["answer"].str.len().to_numpy(dtype=np.float64)
group = tested["group"].tolist()
print("my score:  ", auc_estimate(mine, right, group))
print("the probe: ", auc_estimate(tested["score"].to_numpy(), right, group))
print("difference:", auc_gain(mine, tested["score"].to_numpy(), right, group).signed)

found = compare_run(run, ask_model=False, progress=Bars())  # and what else needs no training
for method in found.methods[:6]:
    print(f"{method.name:28} {method.auc}")
draw_comparison(found).figure.savefig("own_score.png", dpi=70)
