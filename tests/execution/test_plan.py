"""The plan's arithmetic: worked by hand, held against what was measured, and against a finished run's own files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.small_study import small_study

from truthmap.errors import UsageError
from truthmap.execution.ceilings import Ceilings
from truthmap.execution.costs import Asked, StudyCosts, Workload, costs_of
from truthmap.execution.plan import Layout, Machines, make_plan
from truthmap.execution.rates import RECORDED, Rates, Shares
from truthmap.lm.sizes import Sizes
from truthmap.lm.unloaded import ModelSizes
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.runs.run import open_run
from truthmap.study.sections import StatesSection

PAGE = Path(__file__).parent.parent.parent / "docs" / "gpu.md"
SLOW = Rates("a toy", "cuda", 10**9, Ceilings(1e6, 1e5), Shares(0.5, 0.25, 1e-3, 2e-3, "here"), "here", spare=0.1)
TINY = ModelSizes("tiny", 2, 4, 1000, 800, Sizes(2000, 16, {Site.RESIDUAL: 20}, 40, 2), 200)
WORK = Workload(questions=10, samples=3, prompt_tokens=7, new_tokens=5, answer_tokens=3)
SEVEN_B = ModelSizes(
    "7B", 32, 32, 6_738_000_000, 6_607_000_000, Sizes(13_476_000_000, 524_288, {Site.RESIDUAL: 8192}, 128_000, 2), 4096
)
SEVENTY_B = replace(SEVEN_B, name="70B", heads=64, parameters=70_000_000_000, active=69_000_000_000,
                    sizes=replace(SEVEN_B.sizes, weights=140_000_000_000))  # fmt: skip
TWO = StatesSection(positions=("last_q", "-1"))


def costs(model: ModelSizes = SEVEN_B, rates: Rates = RECORDED["h100"], **work: int) -> StudyCosts:
    asked = {"questions": 1000, "prompt_tokens": 128, "new_tokens": 64, "answer_tokens": 64, **work}
    return StudyCosts(model, Workload(**asked), StatesSection(), rates)


def layouts(model: ModelSizes, gpus: int, per_node: int = 8) -> dict[str, Layout]:
    made = make_plan(costs(model, samples=2), Machines(devices=gpus, per_node=per_node), ["--model", "M"])
    return {layout.name: layout for layout in made.layouts}


def test_the_formulas_are_those_worked_out_by_hand() -> None:
    toy = StudyCosts(TINY, WORK, TWO, SLOW)
    assert toy.token_seconds() == pytest.approx(2 * 800 / (1e6 * 0.25))
    assert toy.step_seconds() == pytest.approx(2000 / (1e5 * 0.5))
    # 10 answers, 4 at a time: 3 batches of 5 steps; 10 × (7 + 3) tokens.
    assert toy.answering(10, 4) == pytest.approx(15 * 0.04 + 100 * 0.0064)
    assert toy.answering(10, 4, devices=2) == pytest.approx(toy.answering(10, 4) / 2)
    assert toy.reading(10) == pytest.approx(100 * 0.0064)
    assert toy.probing() == pytest.approx(2 * 2 * 10 * 10 * 3e-3)
    assert toy.states_on_disk() == 2 * 2 * 10 * 20
    assert toy.samples_on_disk() == 10 * 3 * (4 * (7 + 2 * 3) + 20)
    assert toy.tables_on_disk() == (16 << 20) + 10 * (4 * 13 + 4 * 4)


def test_stages_add_up_and_a_cluster_shares_them() -> None:
    one, node, cluster = layouts(SEVEN_B, 8).values()
    assert [each.stage for each in one.times] == [
        "answers, states on the way", "probes", "samples", "states of the samples",
    ]  # fmt: skip
    assert [each.stage for each in node.times][:2] == ["answers", "states, in a second pass"]
    for layout in (one, node, cluster):
        assert layout.seconds == pytest.approx(sum(each.seconds for each in layout.times))
    assert cluster.seconds == pytest.approx(one.seconds / 8)
    assert (one.devices, node.devices, cluster.devices) == (1, 8, 8)


def test_what_was_measured_on_a_gpu_comes_out_again() -> None:
    """64 prompts with 64 tokens of their own and 64 new ones, and 450 cells of 1,000 answers: see docs/gpu.md."""
    measured = costs(questions=64, prompt_tokens=64)
    assert measured.answering(64, 64) == pytest.approx(2.01, rel=0.03)
    assert measured.reading(64) == pytest.approx(0.459, rel=0.03)
    thirty = costs(replace(SEVEN_B, layers=30))
    assert thirty.probing() == pytest.approx(161, rel=0.01)


def test_the_recorded_rates_are_those_of_the_page() -> None:
    page, h100 = PAGE.read_text(encoding="utf-8"), RECORDED["h100"]
    product, copy = re.findall(r"\*\*([\d.]+) T(?:FLOP|B)/s\*\*", page)
    assert (float(product) * 1e12, float(copy) * 1e12) == (h100.ceilings.product, h100.ceilings.copy)
    assert f"{h100.name}, {h100.memory >> 30} GiB" in page


def test_a_model_that_does_not_fit_says_what_would() -> None:
    one, node, cluster = layouts(SEVENTY_B, 16).values()
    assert not one.fits
    assert one.commands == one.times == ()
    assert re.search(
        r"does not fit: 1\d\d GB on a device of 85 GB; the weights alone take 140 GB, 2 of these", one.note
    )
    assert node.fits
    assert "--tensor-parallel 8" in node.commands[0]
    assert cluster.note.startswith("8 workers of 2 GPUs")
    assert "--gpus-per-worker 2 --workers 8" in cluster.commands[2]
    assert not any(
        each.fits for each in layouts(replace(SEVENTY_B, sizes=replace(SEVENTY_B.sizes, weights=10**13)), 8).values()
    )


def test_a_group_of_gpus_divides_the_models_heads() -> None:
    odd = replace(SEVENTY_B, heads=12)
    names = [*layouts(odd, 8)]
    assert names[1] == "one node, tensor parallel over 6"
    assert layouts(odd, 16)["Ray cluster"].devices == 16


def test_one_gpu_gets_one_layout_and_none_the_cpu() -> None:
    assert [*layouts(SEVEN_B, 1)] == ["one GPU"]
    (cpu,) = make_plan(costs(), Machines(devices=0), ["--model", "M"]).layouts
    assert cpu.devices == 0
    assert cpu.commands == ("truthmap run --model M --device cpu --out RUN",)


def test_words_of_a_command_are_quoted() -> None:
    made = make_plan(costs(), Machines(devices=1), ["--model", "my models/it's"])
    assert made.layouts[0].commands[0].startswith("""truthmap run --model 'my models/it'"'"'s' --device""")


def test_more_of_anything_takes_more() -> None:
    whole = costs()
    for more in (costs(questions=2000), costs(new_tokens=640, answer_tokens=640), costs(prompt_tokens=1280)):
        assert more.answering(1000, 64) + more.probing() >= whole.answering(1000, 64) + whole.probing()
        assert more.tables_on_disk() > whole.tables_on_disk()
    narrow = replace(whole, kept=StatesSection(store_dtype="float8"))  # type: ignore[arg-type]
    assert narrow.states_on_disk() < 0.53 * whole.states_on_disk()


def test_answers_that_leave_no_room_are_refused() -> None:
    with pytest.raises(UsageError, match=r"prompts of 4,000 tokens with room for 100 do not fit into the 4,096"):
        make_plan(costs(prompt_tokens=4000, new_tokens=100), Machines(), [])


def test_the_disk_planned_is_that_of_a_finished_run(made_once: Path, tiny_model: Path) -> None:
    data = RunData.load(open_run(made_once))
    study = small_study(tiny_model, "run", max_new_tokens=10, dtype="float32", device="cpu")
    planned = costs_of(study, Asked(questions=len(data.states.ids)), replace(SLOW, kind="cpu"))
    sizes = {path: path.stat().st_size for path in made_once.rglob("*") if path.is_file()}
    states = sum(size for path, size in sizes.items() if path.suffix == ".safetensors" and path.parent.name == "states")
    assert planned.states_on_disk() == pytest.approx(states, rel=0.05), "but for the files' headers"
    assert sum(sizes.values()) - states < planned.tables_on_disk()
