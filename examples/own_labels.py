"""Labels of your own on the same states: what else can be read where the correctness can?

`map_labels` takes a label for each question, and fits a probe in every cell for it. What it finds beside correctness
says what else is in the states, and whether correctness is more than that.
"""

from truthmap import Bars, RunData, Study, run_study
from truthmap.analyses import map_labels

run = run_study(
    Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"), progress=Bars()
)
first_letter = {question.id: question.accepted[0][0] for question in RunData.load(run).questions}
half = {name: "A to L" if letter < "M" else "M to Z" for name, letter in first_letter.items()}
found = map_labels(run, "country's first letter", half, permutations=20, progress=Bars())
print(found)
for score in found.scores:
    print(f"{score.label}: layer {score.layer}, {score.position}, on test {score.test}")
