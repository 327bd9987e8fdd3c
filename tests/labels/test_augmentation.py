"""Affine augmentation: what moves, by how much, from which noise."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.labels.augmentation import Affine, augmented
from tacit.models.config import ModelConfig, build
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.evaluation import evaluate
from tacit.training.loop import fit
from tacit.training.objectives import Batch, cross_entropy
from tacit.training.schedule import Schedule

STILL = Affine(shift=0, rotation=0, scale=0, shear=0)


def blob(height: int, width: int, row: float, column: float, spread: float = 1.5) -> torch.Tensor:
    """A soft spot around a place in pixels from the middle, (1, 1, height, width)."""
    rows = torch.arange(height) - (height - 1) / 2
    columns = torch.arange(width) - (width - 1) / 2
    squared = (rows[:, None] - row) ** 2 + (columns - column) ** 2
    return torch.exp(-squared / (2 * spread**2))[None, None]


def centre(image: torch.Tensor) -> tuple[float, float]:
    """Where the ink is on average, in pixels from the middle: row, column."""
    height, width = image.shape[-2:]
    ink = image[0, 0] / image[0, 0].sum()
    rows = torch.arange(height) - (height - 1) / 2
    columns = torch.arange(width) - (width - 1) / 2
    return float((ink.sum(1) * rows).sum()), float((ink.sum(0) * columns).sum())


def moved(affine: Affine, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return affine(x, torch_stream(seed, "noise"))


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 3, 20, 33), (2, 1, 28, 28), (1, 3, 256, 256)])
def test_images_of_any_size_keep_their_shape_and_range(shape) -> None:
    x = torch.rand(shape, generator=torch_stream(0, "x"))
    y = moved(Affine(), x)
    assert y.shape == x.shape
    assert y.dtype == x.dtype
    assert 0 <= y.min() < y.max() <= 1
    assert not torch.equal(x, y)


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 3, 20, 33)])
def test_no_amount_moves_nothing(shape) -> None:
    x = torch.rand(shape, generator=torch_stream(0, "x"))
    torch.testing.assert_close(moved(STILL, x), x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [32, 64])
def test_a_shift_is_a_share_of_the_side(side) -> None:
    x = blob(side, side, 0, 0, side / 16).expand(200, 1, side, side)
    y = moved(STILL.model_copy(update={"shift": 0.1}), x)
    found = np.array([centre(image[None]) for image in y]) / side
    assert np.abs(found).max() < 0.1
    assert np.abs(found).max() > 0.095
    assert abs(found.mean()) < 0.01
    assert len(np.unique(found[:, 0])) == 200, "every image moves by itself"


@pytest.mark.parametrize("size", [(41, 41), (41, 61)])
def test_a_turn_keeps_distances_also_in_oblong_images(size) -> None:
    x = blob(*size, 0, 12).expand(100, 1, *size)
    y = moved(STILL.model_copy(update={"rotation": 45.0}), x)
    for image in y:
        row, column = centre(image[None])
        assert math.hypot(row, column) == pytest.approx(12, abs=0.1)
        assert abs(math.degrees(math.atan2(row, column))) <= 45.5
    assert np.ptp([centre(image[None])[0] for image in y]) > 14


def test_scale_is_symmetric_and_both_ways() -> None:
    x = blob(65, 65, 10, 10).expand(300, 1, 65, 65)
    y = moved(STILL.model_copy(update={"scale": 0.25}), x)
    factors = np.array([centre(image[None]) for image in y]) / 10
    assert factors.min() == pytest.approx(1 / 1.25, abs=0.02)
    assert factors.max() == pytest.approx(1.25, abs=0.02)
    assert np.corrcoef(factors.T)[0, 1] < 0.3, "each direction by itself"


def test_shear_moves_rows_sideways_and_leaves_them_level() -> None:
    x = blob(65, 65, 16, 0).expand(100, 1, 65, 65)
    y = moved(STILL.model_copy(update={"shear": 0.25}), x)
    places = np.array([centre(image[None]) for image in y])
    assert places[:, 0] == pytest.approx(16, abs=0.05)
    assert np.abs(places[:, 1]).max() == pytest.approx(4, abs=0.2)


def test_no_image_is_mirrored() -> None:
    """The matrices keep their sense of rotation."""
    theta = Affine(rotation=180, scale=0.9, shear=0.9).matrices(500, torch_stream(0, "noise"))
    assert (torch.linalg.det(theta[:, :, :2]) > 0).all()


def test_it_is_sampling_at_the_matrices_own_places() -> None:
    x = torch.rand(4, 2, 9, 9, generator=torch_stream(0, "x"))
    theta = Affine().matrices(4, torch_stream(1, "noise"))
    places = torch.stack(
        torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij"), dim=-1
    ).flip(-1)
    expected = torch.empty_like(x)
    for i in range(4):
        old = (places - 4) @ theta[i, :, :2].T + 4.5 * theta[i, :, 2] + 4
        old = old.clamp(0, 8)
        low = old.floor().clamp(max=7).long()
        part = old - low
        column, row = low[..., 0], low[..., 1]
        right, down = part[..., 0], part[..., 1]
        expected[i] = (
            x[i][:, row, column] * (1 - down) * (1 - right)
            + x[i][:, row, column + 1] * (1 - down) * right
            + x[i][:, row + 1, column] * down * (1 - right)
            + x[i][:, row + 1, column + 1] * down * right
        )
    torch.testing.assert_close(moved(Affine(), x, 1), expected, atol=1e-4, rtol=0)


def test_the_same_stream_moves_alike() -> None:
    x = torch.rand(5, 1, 8, 8, generator=torch_stream(0, "x"))
    assert torch.equal(moved(Affine(), x), moved(Affine(), x))
    assert not torch.equal(moved(Affine(), x), moved(Affine(), x, seed=1))


@pytest.mark.parametrize(
    ("amounts", "name"),
    [({"shift": -0.1}, "shift"), ({"rotation": 200}, "rotation"), ({"flip": True}, "flip")],
)
def test_amounts_out_of_range_are_named(amounts, name) -> None:
    with pytest.raises(ValidationError, match=name):
        Affine(**amounts)


def classifier(seed: int = 0):
    with seeded_initialisation(seed):
        return build(ModelConfig(learn="classifier", shape=(1, 8, 8), latent_dim=3, n_classes=2))


def some_images(n: int = 10) -> Images:
    pixels = (255 * torch.rand(n, 1, 8, 8, generator=torch_stream(0, "x"))).byte().numpy()
    return Images(pixels, np.arange(n) % 2, ("even", "odd"))


def test_only_training_moves_images() -> None:
    model, images = classifier(), some_images()
    objective = augmented(cross_entropy, Affine())
    plain = evaluate(model, cross_entropy, images)["loss"]
    assert torch.equal(evaluate(model, objective, images)["loss"], plain)
    model.train()
    x = torch.from_numpy(images.scaled())
    batch = Batch(x, torch.from_numpy(images.labels), torch.arange(10))
    assert not torch.equal(objective(model, batch, torch_stream(0, "noise"))["loss"], plain)


@pytest.mark.parametrize("stop_at", [1, 4])
def test_an_interrupted_run_moves_images_as_if_it_had_not_been(stop_at, tmp_path) -> None:
    objective, images, schedule = (
        augmented(cross_entropy, Affine()),
        some_images(),
        Schedule(10, 4, 7),
    )
    whole = classifier()
    fit(whole, objective, images, schedule, seed=3)
    updates = []
    checkpointer = FolderCheckpointer(
        tmp_path, stop=lambda: len(updates) == stop_at, report=lambda u, loss: updates.append(u)
    )
    with pytest.raises(Stopped):
        fit(classifier(), objective, images, schedule, seed=3, checkpointer=checkpointer)
    again = classifier(seed=9)
    fit(again, objective, images, schedule, seed=3, checkpointer=FolderCheckpointer(tmp_path))
    assert same_tensors(whole.state_dict(), again.state_dict())
    plain = classifier()
    fit(plain, cross_entropy, images, schedule, seed=3)
    assert not same_tensors(whole.state_dict(), plain.state_dict())


def test_gradients_reach_pixels() -> None:
    x = torch.rand(2, 1, 8, 8, generator=torch_stream(0, "x"), requires_grad=True)
    F.relu(moved(Affine(), x)).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
