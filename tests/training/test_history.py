"""What was seen of a term is its mean over images, and how sure that mean is."""

import numpy as np
import pytest
import torch
from scipy import stats

from tacit.streams import numpy_stream
from tacit.training.history import Evaluation, History, summarise

VALUES = {
    (update, split): numpy_stream(update, split).normal(3.0, 2.0, n)
    for update in (5, 10)
    for split, n in (("train", 400), ("test", 25))
}


@pytest.fixture
def history() -> History:
    terms = {key: summarise({"loss": torch.from_numpy(values)}) for key, values in VALUES.items()}
    return History(
        evaluations=[
            Evaluation(update, update / 5, terms[update, "train"], terms[update, "test"])
            for update in (5, 10)
        ]
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_curves_errors_are_those_of_its_means(history, split) -> None:
    updates, means, errors = history.curve(split, "loss")
    assert updates.tolist() == [5, 10]
    expected = [VALUES[update, split] for update in (5, 10)]
    np.testing.assert_allclose(means, [v.mean() for v in expected], rtol=1e-12)
    np.testing.assert_allclose(errors, [stats.sem(v) for v in expected], rtol=1e-12)


def test_one_image_has_no_spread() -> None:
    assert summarise({"loss": torch.ones(1)})["loss"].standard_error == 0.0
