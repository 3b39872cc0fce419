"""A run from before `mlp_post` had its name is read as one of `mlp_post`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

from made_run import Made, make_run
from truthmap.records import Site
from truthmap.report.build import page_of
from truthmap.runs.run import Run


def test_a_run_with_the_sites_former_name_is_read(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Made(sites=(Site.MLP_POST,))).path
    new = Run(path)
    auc, scores, ids = new.grid().auc, new.out_of_fold().scores, new.out_of_fold().ids
    table = pd.read_parquet(path / "grid.parquet")
    table.assign(site="mlp_in").to_parquet(path / "grid.parquet")
    tensors = load_file(path / "scores.safetensors")
    save_file({"mlp_in": tensors["mlp_post"]}, path / "scores.safetensors", metadata={"ids": json.dumps(ids)})
    summary = path / "summary.json"
    summary.write_text(summary.read_text().replace('"mlp_post"', '"mlp_in"'))
    old = Run(path)
    assert old.summary.site is Site.MLP_POST
    np.testing.assert_array_equal(old.grid().auc, auc)
    np.testing.assert_array_equal(old.out_of_fold().scores, scores)
    assert page_of(old).maps["sites"][0]["site"] == "mlp_post"
