"""A probe of your own on one cell: any classifier, held against the map's linear one on the same test answers."""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from truthmap import Bars, Study, run_study
from truthmap.metrics import auc_estimate, auc_gain

run = run_study(
    Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"), progress=Bars()
)
best = run.summary
X, y, ids, groups, split = run.states(best.layer, best.position)
print("states:", X.shape, "right:", y.mean().round(2))

seen, tested = split != "test", split == "test"  # whatever you choose, choose it on `seen`
lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5).fit(X[seen], y[seen])
mine = lda.decision_function(X[tested])

table = run.answers().set_index("id")
linear = table.loc[ids[tested].tolist(), "score"].to_numpy()
print("LDA:         ", auc_estimate(mine, y[tested], groups[tested].tolist()))
print("linear probe:", auc_estimate(linear, y[tested], groups[tested].tolist()))
print("difference:  ", auc_gain(mine.astype(np.float64), linear, y[tested], groups[tested].tolist()).signed)
