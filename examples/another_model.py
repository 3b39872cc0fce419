"""Another model: whatever is loaded already, trained or patched. Here the built-in one, without one of its layers."""

import torch

from truthmap import Bars, LoadSettings, Study, load_model, run_study

lm = load_model("smollm2", LoadSettings(dtype="float32"))
whole = len(lm.model.model.layers)
kept = [block for number, block in enumerate(lm.model.model.layers) if number != whole // 2]
for number, block in enumerate(kept):
    block.self_attn.layer_idx = number  # where a block keeps its keys and values
lm.model.model.layers = torch.nn.ModuleList(kept)
lm.model.config.num_hidden_layers = len(kept)

study = Study(
    model=(lm.model, lm.tokenizer), questions="cities", limit=120, permutations=20, out="runs/without-one-layer"
)
run = run_study(study, progress=Bars())
found = run.summary
print(f"{len(kept)} of {whole} layers: {found.right} answers right, {found.wrong} wrong")
print(f"layer {found.layer}, {found.position}: AUC {found.test} on {found.test.n} test answers")
run.plot().figure.savefig("another_model.png", dpi=70)
