"""Transfer: does a probe that was fitted on one kind of question read the answers to another?"""

from truthmap import Bars, Study, run_study
from truthmap.analyses import draw_transfer, transfer_runs

cities = Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities")
larger = Study(model="smollm2", questions="larger_city", limit=150, permutations=20, out="runs/larger_city")
runs = [run_study(study, progress=Bars()) for study in (cities, larger)]
found = transfer_runs(runs, "runs/transfer", progress=Bars())
print(found)
for score in found.scores:
    print(f"{score.source} → {score.target}, {score.choice}: {score.auc}")
draw_transfer(found).figure.savefig("transfer.png", dpi=70)
