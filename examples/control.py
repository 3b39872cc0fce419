"""Controls: how much of what the probe reads is left when something simpler explains it.

Two of those that need no other model: what the length of the answer and the place of its exact part tell, and what the
question alone tells. `truthmap controls RUN` measures all of them.
"""

from truthmap import Bars, ControlSettings, Study, controls, run_study

run = run_study(
    Study(model="smollm2", questions="cities", limit=150, permutations=20, out="runs/cities"), progress=Bars()
)
found = controls(run, ControlSettings(only=("length-and-place", "question-side")), progress=Bars())
print(found)
for finding in found.findings:
    print(f"{finding.name}: {finding.says}")
run.plot().figure.savefig("control.png", dpi=70)
