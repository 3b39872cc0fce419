"""What a study takes, told before it starts; and the refusal where the disk is too small."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.small_study import small_study

from model_families import WIDTH, language_model, sequences
from truthmap.answers.engines.local import LocalEngine
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.errors import StorageError
from truthmap.execution import estimate
from truthmap.execution.estimate import Forecast, forecast, in_bytes, in_time, require_room
from truthmap.lm.sizes import measure_sizes
from truthmap.pipeline.runner import run_study
from truthmap.positions import PAPER
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Site
from truthmap.runs.data import RunData
from truthmap.study.sections import StatesSection
from truthmap.terminal.progress import Silence

SETTINGS = GenerateSettings(max_new_tokens=8)
KEPT = StatesSection()


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def prompts(count: int, length: int = 10) -> list[Prompt]:
    return [Prompt(f"q{n}", sequences(0, (length,))[0]) for n in range(count)]


def test_sizes_are_the_models_own() -> None:
    lm = language_model("llama")
    sizes = measure_sizes(lm, (Site.RESIDUAL, Site.MLP_POST))
    assert sizes.weights == 4 * sum(t.numel() for t in [*lm.model.parameters(), *lm.model.buffers()])
    assert sizes.cache_token == 3 * 2 * 2 * 8 * 4, "layers × keys and values × heads × width of a head × bytes"
    assert sizes.state == {Site.RESIDUAL: 4 * WIDTH, Site.MLP_POST: 4 * 48}
    assert sizes.logits == 4 * 64


def test_the_disk_foretold_is_what_the_states_take(tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path) -> None:
    told: list[str] = []
    study = small_study(tiny_model, tmp_path / "run", sites=(Site.RESIDUAL, Site.MLP_POST))

    class StreamScorer(Silence):
        def say(self, text: str) -> None:
            told.append(text)

    seen = {}
    make = estimate.forecast

    def noted(*given: object) -> Forecast:
        seen["forecast"] = make(*given)  # type: ignore[arg-type]
        return seen["forecast"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate, "forecast", noted)
        run = run_study(study, progress=StreamScorer())
    takes = seen["forecast"]
    stored = sum(path.stat().st_size for path in (run.path / "states").glob("*.safetensors"))
    scored = len(RunData.load(run).states.ids)
    expected = (takes.disk - estimate._OTHER_FILES) * scored / takes.answers
    assert stored == pytest.approx(expected, rel=0.03), "the safetensors headers come on top"
    assert told[0].startswith("To do: 160 answers, 68 MB on disk, ")
    assert " of memory" in told[0]


def test_states_of_ready_answers_take_disk_too() -> None:
    engine = LocalEngine(language_model("llama"))
    some, all_ready = (
        forecast(engine, prompts(10), SETTINGS, KEPT, 0, 90),
        forecast(engine, [], SETTINGS, KEPT, 5, 100),
    )
    assert some.answers == all_ready.answers == 100
    assert some.disk == all_ready.disk == 3 * len(PAPER) * 100 * WIDTH * 4 + estimate._OTHER_FILES
    assert all_ready.seconds is None


def test_memory_grows_with_the_batch_and_not_with_the_answers() -> None:
    engine = LocalEngine(language_model("llama"))
    small = GenerateSettings(max_new_tokens=8, batch_tokens=18 * 16, memory=0)
    assert (
        forecast(engine, prompts(500), small, KEPT, 0).memory == forecast(engine, prompts(5000), small, KEPT, 0).memory
    )
    large = GenerateSettings(max_new_tokens=8, batch_tokens=18 * 160)
    assert forecast(engine, prompts(500), large, KEPT, 0).memory > forecast(engine, prompts(500), small, KEPT, 0).memory


def test_the_time_is_that_of_all_steps_and_all_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = machine(monkeypatch, base=0.5, row=0.01)
    settings = GenerateSettings(max_new_tokens=8, batch_tokens=18 * 50, memory=0)
    asked = [Prompt(f"q{n}", (3, 4, 5, 6, 7, 8, 9, 10, 11, 12 + n % 50)) for n in range(1000)]
    takes = forecast(LocalEngine(language_model("llama")), asked, settings, KEPT, 100.0)
    # 1000 / 128 shards of 3 batches, 8 steps each; of each prompt one token is its own, of each answer 5.
    assert takes.seconds == pytest.approx(3 * 1000 / 128 * 8 * 0.5 + 1000 * (1 + 5) * 0.01)
    assert takes.answer_tokens == 5.0
    assert answered == [8]


def test_the_longest_answers_are_expected_where_trying_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = machine(monkeypatch, base=2.0, row=0.0)
    takes = forecast(LocalEngine(language_model("llama")), prompts(1000), SETTINGS, KEPT, 10.0)
    assert answered == []
    assert takes.answer_tokens == SETTINGS.max_new_tokens


def test_one_prompt_has_a_forecast_too(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, base=0.5, row=0.0)
    takes = forecast(LocalEngine(language_model("llama")), prompts(1), SETTINGS, KEPT, 10.0)
    assert takes.seconds == pytest.approx(8 * 0.5)


def test_steps_are_timed_on_the_model() -> None:
    step = estimate._timed_step(language_model("llama"), 16)
    assert 0 <= step.row < 1
    assert 0 <= step.base < 1
    assert step.row + step.base > 0


def machine(monkeypatch: pytest.MonkeyPatch, *, base: float, row: float) -> list[int]:
    """Put a machine in the place of this one, on which answers have 5 tokens; give how many it was asked for."""
    answered: list[int] = []

    def answer(_engine: object, asked: Sequence[Prompt], _settings: object) -> int:
        answered.append(len(asked))
        return 5 * len(asked)

    monkeypatch.setattr(estimate, "_answer", answer)
    monkeypatch.setattr(estimate, "_seconds", lambda _lm, rows: base + row * rows)
    return answered


def test_a_disk_that_is_too_small_is_refused_at_the_start(
    tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tiny_model, tmp_path / "run")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 100, 10_000_000))
    with pytest.raises(StorageError, match=r"the disk is too small: the run needs about 74 MB in .*, 10 MB are free"):
        run_study(study)
    assert not (study.out / "parts").exists()
    monkeypatch.undo()


def test_room_is_looked_for_where_the_folder_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def usage(path: Path) -> Usage:
        asked.append(path)
        return Usage(100, 0, 100)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    require_room(tmp_path / "not" / "yet", 90)
    assert asked == [tmp_path]
    with pytest.raises(StorageError, match="fewer questions"):
        require_room(tmp_path, 91)


@pytest.mark.slow
def test_a_finished_part_is_not_asked_room_for_again(
    tiny_model: Path, spoken_set: QuestionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[int] = []
    monkeypatch.setattr("truthmap.pipeline.stages.answers.announce", lambda _work, some: announced.append(len(some)))
    study = small_study(tiny_model, tmp_path / "run")

    class Killed(BaseException):
        pass

    writes = []

    def dying(*_: object) -> None:
        writes.append(1)
        if len(writes) == 3:
            raise Killed
        real(*_)  # type: ignore[arg-type]

    from truthmap.pipeline.stages import answers as answering

    real = answering.write_part
    monkeypatch.setattr(answering, "write_part", dying)
    with pytest.raises(Killed):
        run_study(study)
    run_study(study)
    assert announced == [160, 160 - 2 * 32]


def test_what_it_takes_is_written_for_a_reader() -> None:
    takes = Forecast(answers=1600, disk=1_700_000_000, memory=950_000_000, too_long=3, seconds=400)
    said = "1,600 answers, 1.7 GB on disk, 950 MB of memory, 3 prompts too long for the model, about 7 min for answers"
    assert str(takes).startswith(said)
    assert [in_bytes(n) for n in (12, 1200, 9_900_000, 12_000_000_000)] == ["12 bytes", "1.2 kB", "9.9 MB", "12 GB"]
    assert [in_time(s) for s in (0.2, 45, 100, 6000)] == ["1 s", "45 s", "2 min", "1.7 h"]
