"""Weights of rows and of classes: the loss is multiplied by them."""

import numpy as np
import pytest
import torch

from tacit.estimators.classifier import Classifier
from tacit.training.objectives import Batch, cross_entropy, weighted

SMALL = {"network": {"kind": "dense", "hidden": []}, "n_components": 2, "learning_rate": 0.02}


def two_overlapping(rare: int = 20, common: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Classes whose rows overlap, one of them rare."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [common, rare])
    return rng.normal(size=(len(y), 2)) + 1.2 * y[:, None], y


def test_the_loss_is_multiplied_and_nothing_else() -> None:
    class Plain(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    batch = Batch(torch.eye(3), torch.tensor([0, 1, 1]), torch.tensor([2, 0, 1]))
    plain = cross_entropy(Plain(), batch, torch.Generator())
    found = weighted(cross_entropy, torch.tensor([1.0, 2.0, 0.5]))(Plain(), batch, None)
    assert torch.allclose(found["loss"], plain["loss"] * torch.tensor([0.5, 1.0, 2.0]))
    assert torch.equal(found["accuracy"], plain["accuracy"])


def test_balanced_classes_find_the_rare_one() -> None:
    x, y = two_overlapping()
    plain = Classifier(**SMALL).fit(x, y)
    balanced = Classifier(**SMALL, class_weight="balanced").fit(x, y)
    by_row = Classifier(**SMALL).fit(x, y, sample_weight=np.where(y == 1, 20.0, 1.0))
    rare = y == 1
    assert (plain.predict(x)[rare] == 1).mean() < 0.5
    assert (balanced.predict(x)[rare] == 1).mean() > 0.7
    np.testing.assert_allclose(balanced.predict_proba(x), by_row.predict_proba(x), atol=1e-6)


def test_rows_of_no_weight_teach_nothing() -> None:
    x, y = two_overlapping(200, 200)
    wrong = y.copy()
    wrong[::2] = 1 - wrong[::2]
    kept = Classifier(**SMALL).fit(x, wrong, sample_weight=np.arange(len(y)) % 2)
    assert kept.score(x, y) > 0.75


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        (np.zeros(8), "at least one non-zero"),
        (np.full(8, -1.0), "Negative values"),
        (np.ones(7), "shape"),
        (np.full(8, np.nan), "NaN"),
    ],
)
def test_weights_that_make_no_sense_are_refused(weights: np.ndarray, error: str) -> None:
    x, y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8) % 2
    with pytest.raises(ValueError, match=error):
        Classifier(**SMALL).fit(x, y, sample_weight=weights)
