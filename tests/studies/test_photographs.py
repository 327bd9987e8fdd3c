"""Pictures that are photographs by their size are told of encoders from elsewhere."""

import numpy as np
import pytest
from PIL import Image

from tacit.studies.command import prepare
from tacit.studies.options import How, RunOptions
from tacit.studies.photographs import HINT

STUDY = """
title: few labels
images: {source: SOURCE, size: 8, channels: gray}
runs: {}
questions:
  - label-efficiency: {pairs: [{codes: pixels, method: nearest}], budgets: [1], draws: 2}
"""


@pytest.mark.parametrize(("side", "told"), [(49, True), (48, False)])
def test_they_are_told_what_an_encoder_would_bring(tmp_path, side: int, told: bool) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(6):
            levels = rng.integers(0, 256, (side, 60), np.uint8)
            Image.fromarray(levels).save(tmp_path / "set" / name / f"{i}.png")
    path = tmp_path / "few.yaml"
    path.write_text(STUDY.replace("SOURCE", str(tmp_path / "set")))
    options = RunOptions()
    assert (HINT in prepare(str(path), options, How(), tmp_path).opened.notes) is told
    features = tmp_path / "own.npy"
    np.save(features, rng.random((12, 3), np.float32))
    options = RunOptions(encoder=[f"features:{features}"])
    assert HINT not in prepare(str(path), options, How(), tmp_path).opened.notes
