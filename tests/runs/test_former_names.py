"""A run from before a site and a column got their names is read by today's names."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from made_run import Made, make_run, vouch
from truthmap.probes.grid import ARRAYS
from truthmap.records import Site
from truthmap.report.build import page_of
from truthmap.runs.data import RunData
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run, open_run


def test_a_run_with_former_names_is_read(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Made(sites=(Site.MLP_POST,))).path
    new = RunData.load(Run(run_folder(path)))
    auc, scores, ids = (
        new.grid().auc,
        new.out_of_fold().scores,
        new.out_of_fold().ids,
    )
    table = pd.read_parquet(path / "grid.parquet")
    assert table["text_baseline_auc"].notna().any()
    table.assign(site="mlp_in").rename(columns={"text_baseline_auc": "words_auc"}).to_parquet(path / "grid.parquet")
    tensors = load_file(path / "scores.safetensors")
    save_file({"mlp_in": tensors["mlp_post"]}, path / "scores.safetensors", metadata={"ids": json.dumps(ids)})
    summary = path / "summary.json"
    summary.write_text(summary.read_text().replace('"mlp_post"', '"mlp_in"'))
    vouch(path)
    old = RunData.load(open_run(path))
    assert old.summary.site is Site.MLP_POST
    np.testing.assert_array_equal(old.grid().auc, auc)
    np.testing.assert_array_equal(old.grid().text_baseline_auc.ravel(), table["text_baseline_auc"])
    np.testing.assert_array_equal(old.out_of_fold().scores, scores)
    page = page_of(old.run).maps["sites"][0]
    assert page["site"] == "mlp_post"
    assert "text_baseline_auc" in page["columns"]


def test_the_pages_script_reads_columns_by_their_names() -> None:
    script = (files("truthmap.report") / "assets/page.js").read_text(encoding="utf-8")
    needed = set(re.findall(r'needs: \["(\w+)"\]', script)) | set(re.findall(r"\bc\.(\w+)\[k\]", script))
    assert needed
    assert needed <= {*ARRAYS, "C"}
