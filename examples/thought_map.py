"""A map along the thought: does the model know before it has finished thinking?

smollm2 does not think by itself; asked in words, with two worked examples, it writes its reasoning between tags. With
so few answers little can be told from chance: five places show how it is done (`along_thought` has more than twenty).
"""

from truthmap import Bars, Study, run_study
from truthmap.analyses import draw_by_share, thought_map

study = Study(
    model="smollm2",
    questions="arithmetic",
    thinking="prompted",
    max_thinking_tokens=24,
    positions=tuple(f"thought[{share}%]" for share in (0, 25, 50, 75, 100)),
    limit=100,
    permutations=5,
    out="runs/thoughts",
)
run = run_study(study, progress=Bars())
found = thought_map(run, progress=Bars())
print(found)
for place in found.by_share:
    print(f"{place.share:.0%} of the thought: AUC {place.test} on test, layer {place.layer}")
draw_by_share(found).figure.savefig("thought_map.png", dpi=70)
