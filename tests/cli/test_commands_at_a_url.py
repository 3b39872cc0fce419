"""Every command that takes a run, on one run at a URL: it works from a new machine, and what it makes gets there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_analysis_commands import run_command

from truthmap.errors import StorageError, UsageError
from truthmap.runs.run import Run
from truthmap.storage import RemoteStorage
from truthmap.terminal.options import local


@pytest.fixture
def url(finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a finished run, which nobody on this machine has seen."""
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("truthmap.runs.lease.SETTLE", 0.05)
    place = RemoteStorage(f"memory://{tmp_path.name}/run")
    for path in finished.path.rglob("*"):
        if path.is_file() and path.name != ".lock":
            place.put(path.relative_to(finished.path).as_posix(), path.read_bytes())
    return place.address


@pytest.mark.slow
def test_every_command_takes_a_url(
    url: str, made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("id,kind\n" + "".join(f"q{n:03d},{'ab'[n % 2]}\n" for n in range(160)))
    figure = tmp_path / "figure.svg"
    made = {
        ("sample", url, "--k", "3"): ["samples.parquet", "sample_grades.parquet"],
        ("compare", url): ["analyses/compare.json", "analyses/compare_scores.parquet"],
        ("errors", url): ["analyses/errors.json", "analyses/errors_grids.parquet"],
        ("select", url): ["analyses/select.json", "analyses/select_questions.parquet"],
        ("labels", url, str(labels), "--column", "kind", "--permutations", "0"): [],
        ("transfer", url, str(made_once)): ["analyses/transfer.json"],
        ("diff", str(made_once), url): ["analyses/diff.json"],
        ("detector", url): ["detector/config.json", "detector/model.safetensors"],
        ("report", url): ["report.html"],
        ("figure", url, "map", "--out", str(figure)): [],
        ("verify", url): [],
    }
    place, said = RemoteStorage(url), ""
    place.remove("report.html")
    for words, files in made.items():
        assert run_command(monkeypatch, *words) == 0, words
        shown = capsys.readouterr()
        said += shown.out + shown.err
        assert {*files} <= place.versions().keys(), words
        assert ".lease" not in place.versions()
    assert figure.exists()
    assert f"{url} is whole" in said
    assert f"{url}/analyses/select*" in said
    assert "mirrors" not in said  # readers are told URLs
    with monkeypatch.context() as patch:  # whoever may only read can still verify

        def forbidden(*_words: object) -> None:
            raise StorageError("Access Denied")

        patch.setattr(RemoteStorage, "claim", forbidden)
        assert run_command(patch, "verify", url) == 0
        assert run_command(patch, "sample", url, "--k", "3") == 2
    assert capsys.readouterr().err.splitlines()[-1] == "truthmap: Access Denied (faults.html#storage)"
    # Nothing of it is known on yet another machine.
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "another"))
    assert run_command(monkeypatch, "ask", f"{url}/detector", "Which 8 is 12?") == 0
    assert run_command(monkeypatch, "select", url) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("study.yaml", ("select",)),
        ("stages.json", ("select",)),
        ("questions.parquet", ("compare",)),
        ("grades.parquet", ("compare",)),
        ("summary.json", ("report",)),
        ("audit.json", ("report",)),
        ("grid.parquet", ("figure", "map", "--out", "map.svg")),
        ("scores.safetensors", ("figure", "roc", "--out", "roc.svg")),
        ("states/index.json", ("compare",)),
        ("analyses/compare.json", ("figure", "risk", "--out", "risk.svg")),
        ("detector/config.json", ("figure", "reliability", "--out", "reliability.svg")),
    ],
)
@pytest.mark.parametrize("content", [b"", b"[" * 100], ids=["empty", "other"])
def test_what_is_damaged_at_a_url_is_named_by_its_url(
    url: str, name: str, words: tuple[str, ...], content: bytes, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    RemoteStorage(url).put(name, content)
    assert run_command(monkeypatch, words[0], url, *words[1:]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"{url}/{name} " in said
    assert "mirrors" not in said


def test_a_url_where_only_a_path_will_do_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(monkeypatch, "report", url, "--out", "s3://bucket/report.html") == 2
    assert capsys.readouterr().err == (
        "truthmap: s3:/bucket/report.html must be on this machine: only the run folder can be at a URL "
        "(faults.html#usage)\n"
    )
    with pytest.raises(UsageError):
        local(Path("memory://x"))
    assert local(Path("a/b")) == Path("a/b")
    assert local(None) is None
