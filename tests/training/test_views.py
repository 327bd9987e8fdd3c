"""Views: what happens to images, by how much, how often, and from which noise."""

import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from scipy import stats
from torch.nn import functional as F

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.models.config import ModelConfig, build
from tacit.streams import seeded_initialisation, torch_stream
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.evaluation import evaluate
from tacit.training.loop import fit
from tacit.training.objectives import Batch, cross_entropy
from tacit.training.objectives.augmented import augmented
from tacit.training.schedule import Schedule
from tacit.training.views import (
    RECIPES,
    Affine,
    Blur,
    Colour,
    Crop,
    Elastic,
    Erase,
    NamedViews,
    Stroke,
    Views,
    grey,
)

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


N = 2_000


def uniform_in(values: torch.Tensor, low: float, high: float) -> None:
    """Values are uniform, at a level that one fixed seed either passes or not."""
    assert low <= values.min()
    assert values.max() <= high
    assert stats.kstest(values.numpy(), "uniform", (low, high - low)).pvalue > 1e-3


def test_crops_have_uniform_areas_aspects_and_places() -> None:
    theta = Crop(area=(0.2, 0.5), aspect=(0.75, 1.25)).matrices(N, torch_stream(0, "noise"))
    wide, tall = theta[:, 0, 0], theta[:, 1, 1]
    assert (theta[:, 0, 1] == 0).all()
    assert (theta[:, 1, 0] == 0).all()
    uniform_in(wide * tall, 0.2, 0.5)
    uniform_in((wide / tall).log(), math.log(0.75), math.log(1.25))
    for side, middle in ((wide, theta[:, 0, 2]), (tall, theta[:, 1, 2])):
        uniform_in(middle / (1 - side), -1, 1)  # all of it inside the image


def test_no_crop_is_larger_than_the_image() -> None:
    theta = Crop(area=(0.9, 1), aspect=(0.5, 2)).matrices(N, torch_stream(0, "noise"))
    reach = theta[:, (0, 1), (0, 1)] + theta[:, (0, 1), (2, 2)].abs()
    assert reach.max() <= 1 + 1e-6


def test_a_crop_is_that_part_of_the_image() -> None:
    """Of a ramp, whose pixels say where they were."""
    ramp = (torch.arange(64) + 0.5).expand(1, 1, 64, 64) / 64
    x = ramp.expand(50, 1, 64, 64)
    crop = Crop(area=(0.1, 0.5))
    theta = crop.matrices(50, torch_stream(3, "noise"))
    y = Views(crop=crop)(x, torch_stream(3, "noise"))
    found = y[:, 0, 0, :]
    middle, width = found.mean(dim=1), (found[:, -1] - found[:, 0]) * 64 / 63
    torch.testing.assert_close(middle, (theta[:, 0, 2] + 1) / 2, atol=0.01, rtol=0)
    torch.testing.assert_close(width, theta[:, 0, 0], atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("views", "choices"),
    [
        (Views(flip=1.0), [lambda x: x.flip(-1)]),
        (Views(vertical_flip=1.0), [lambda x: x.flip(-2)]),
        (Views(flip=0.3), [lambda x: x, lambda x: x.flip(-1)]),
        (Views(quarter_turns=True), [lambda x, k=k: x.rot90(k, (-2, -1)) for k in range(4)]),
    ],
)
def test_flips_and_turns_move_whole_pixels_as_often_as_they_say(views, choices) -> None:
    x = torch.rand(1, 1, 6, 6, generator=torch_stream(0, "x"))
    y = moved(views, x.expand(N, 1, 6, 6))
    same = torch.stack([(y - of(x)).abs().amax(dim=(1, 2, 3)) < 1e-5 for of in choices])
    assert (same.sum(dim=0) == 1).all()
    expected = [1.0] if len(choices) == 1 else [0.7, 0.3] if len(choices) == 2 else [0.25] * 4
    shares = same.double().mean(dim=1)
    assert shares.tolist() == pytest.approx(expected, abs=4 * math.sqrt(0.25 / N))


def test_brightness_and_contrast_are_uniform_factors() -> None:
    x = torch.tensor([0.2, 0.4]).repeat(8).reshape(1, 1, 4, 4).expand(N, 1, 4, 4)
    bright = Colour(brightness=0.5, contrast=0, saturation=0, hue=0, probability=1)
    uniform_in(moved(bright, x).mean(dim=(1, 2, 3)) / 0.3, 0.5, 1.5)
    contrast = bright.model_copy(update={"brightness": 0.0, "contrast": 0.4})
    y = moved(contrast, x)
    torch.testing.assert_close(y.mean(dim=(1, 2, 3)), torch.full((N,), 0.3))
    uniform_in((y.amax(dim=(1, 2, 3)) - y.amin(dim=(1, 2, 3))) / 0.2, 0.6, 1.4)


def test_saturation_and_hue_leave_brightness() -> None:
    x = (0.4 + 0.2 * torch.rand(1, 3, 4, 4, generator=torch_stream(0, "x"))).expand(N, 3, 4, 4)
    still = Colour(brightness=0, contrast=0, saturation=0, hue=0, probability=1)
    torch.testing.assert_close(moved(still, x), x, atol=1e-5, rtol=0)
    y = moved(still.model_copy(update={"saturation": 0.5}), x)
    torch.testing.assert_close(grey(y), grey(x), atol=1e-4, rtol=0)
    factor = ((y - grey(y)) / (x - grey(x))).flatten(1)
    assert (factor.amax(dim=1) - factor.amin(dim=1)).max() < 0.05
    uniform_in(factor.median(dim=1).values, 0.5, 1.5)
    turned = moved(still.model_copy(update={"hue": 0.1}), x)
    torch.testing.assert_close(grey(turned), grey(x), atol=1e-4, rtol=0)
    assert not torch.allclose(turned, x, atol=1e-2)


def test_half_a_turn_of_hue_makes_red_cyan() -> None:
    """Colours lie opposite each other about grey: x - grey changes its sign."""
    from tacit.training.views import _colour_matrices

    red = torch.tensor([0.6, 0.4, 0.4])
    (matrix,) = _colour_matrices(torch.ones(1), torch.tensor([0.5]))
    brightness = float(grey(red[None, :, None, None]))
    torch.testing.assert_close(matrix @ red - brightness, -(red - brightness), atol=1e-3, rtol=0)


def test_colours_and_greyscale_happen_as_often_as_they_say() -> None:
    x = torch.rand(1, 3, 4, 4, generator=torch_stream(0, "x")).expand(N, 3, 4, 4)
    for views, share in (
        (Views(colour=Colour(probability=0.8)), 0.8),
        (Views(greyscale=0.2), 0.2),
        (Views(blur=Blur(sigma=(0.2, 0.3), probability=0.5)), 0.5),
    ):
        y = moved(views, x)
        changed = ((y - x).abs() > 1e-5).flatten(1).any(dim=1).double().mean()
        assert float(changed) == pytest.approx(share, abs=4 * math.sqrt(0.25 / N))
    lost = moved(Views(greyscale=1.0), x)
    torch.testing.assert_close(lost, grey(x).expand_as(x))


@pytest.mark.parametrize("size", [(28, 28), (20, 40)])
def test_an_elastic_field_has_the_spread_that_it_says_and_bends_smoothly(size) -> None:
    height, width = size
    field = Elastic(amount=0.05).field(4000, height, width, torch_stream(0, "noise"))
    pixels = field * torch.tensor([width, height]) / 2
    spread = pixels.std(dim=0)
    torch.testing.assert_close(spread, torch.full_like(spread, 0.05 * max(size)), rtol=0.06, atol=0)
    assert float(pixels.mean(dim=0).abs().max()) < 0.05 * max(size) * 5 / math.sqrt(4000)
    # Neighbours differ by less than folds an image over.
    assert float((pixels[:, :, 1:, 0] - pixels[:, :, :-1, 0]).std()) < 0.35
    together = pixels - pixels.mean(dim=0)
    near, far = ((together[:, 0, 0, 0] * together[:, row, 0, 0]).mean() for row in (1, height - 1))
    assert near > 0.9 * 0.0025 * max(size) ** 2
    assert abs(far) < 0.1 * near


def test_strokes_get_thicker_and_thinner_as_often_as_they_say() -> None:
    x = torch.zeros(3000, 1, 20, 20)
    x[:, :, 8:11, 8:11] = 1
    y = Stroke(amount=0.05, thicker=0.3, thinner=0.2)(x, torch_stream(0, "noise"))
    ink = y.sum(dim=(1, 2, 3))
    assert float((ink > 9).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert float((ink < 9).float().mean()) == pytest.approx(0.2, abs=0.03)
    assert float(ink.max()) <= 25  # 5×5
    assert float(ink.min()) >= 1
    shares = (ink[ink > 9] - 9) / 16
    assert stats.kstest(shares.numpy(), "uniform").pvalue > 0.01
    assert 0 <= y.min() < y.max() <= 1
    wider = Stroke(amount=0.1, thicker=1, thinner=0)(x, torch_stream(0, "noise"))
    sides = wider.sum(dim=(1, 2, 3)).sqrt()  # of 3 pixels, by up to 2 on each side
    assert 6.5 < float(sides.max()) <= 7
    assert float(sides.mean()) == pytest.approx(5, abs=0.2)
    with pytest.raises(ValidationError, match="add up to at most 1"):
        Stroke(thicker=0.6, thinner=0.6)


@pytest.mark.parametrize("size", [(50, 50), (40, 60)])
def test_what_is_erased_is_a_rectangle_of_the_ground(size) -> None:
    height, width = size
    ground = torch.tensor([0.2, 0.7])[:, None, None]
    x = ground.expand(N, 2, *size).clone()
    x[..., 1:-1, 1:-1] = 0.5
    x[..., 0, 5] = 1  # what reaches the edge here and there is not the ground
    y = moved(Erase(sides=(0.2, 0.4), probability=0.5), x)
    lost = (y != x).any(dim=1)[:, 1:-1, 1:-1]  # the rest is the ground already
    assert torch.equal(y[..., 1:-1, 1:-1], torch.where(lost[:, None], ground, 0.5))
    assert float(lost.any(dim=(1, 2)).float().mean()) == pytest.approx(0.5, abs=0.05)
    rows, columns = lost.any(dim=2), lost.any(dim=1)
    assert torch.equal(lost, rows[:, :, None] & columns[:, None, :])
    for line, side in ((rows, height), (columns, width)):
        inside = line[line.any(dim=1) & ~line[:, 0] & ~line[:, -1]]
        shares = inside.sum(dim=1) / side  # to a pixel
        assert 0.2 - 1 / side <= shares.min() < 0.22
        assert 0.38 < shares.max() <= 0.4 + 1 / side
        assert (inside.int().diff(dim=1) == 1).sum(dim=1).max() == 1  # one piece
        middle = (inside * (torch.arange(side - 2) + 1.5)).sum(dim=1) / inside.sum(dim=1) / side
        assert float(middle.mean()) == pytest.approx(0.5, abs=0.03)


def test_erasing_nothing_leaves_images() -> None:
    x = torch.rand(4, 1, 8, 8, generator=torch_stream(0, "x"))
    assert torch.equal(moved(Erase(probability=0), x), x)
    with pytest.raises(ValidationError, match=r"from 0.4 to 0.2; the smaller"):
        Erase(sides=(0.4, 0.2))


def test_a_blur_has_the_width_that_it_says() -> None:
    """A point becomes a Gaussian: its variance is σ², and its ink is kept."""
    x = torch.zeros(200, 1, 41, 41)
    x[:, 0, 20, 20] = 1
    y = moved(Blur(sigma=(0.03, 0.06), probability=1), x)[:, 0]
    torch.testing.assert_close(y.sum(dim=(1, 2)), torch.ones(200))
    squared = (torch.arange(41) - 20.0).square()
    sigma = ((y.sum(dim=1) * squared).sum(dim=1)).sqrt() / 41
    uniform_in(sigma / 0.99, 0.0295, 0.061)  # three standard deviations are kept of each side


@pytest.mark.parametrize("name", list(RECIPES))
@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 3, 20, 33)])
def test_recipes_keep_shape_and_range_and_follow_their_stream(name, shape) -> None:
    x, views = torch.rand(shape, generator=torch_stream(0, "x")), RECIPES[name]
    y = moved(views, x)
    assert y.shape == x.shape
    assert 0 <= y.min() < y.max() <= 1
    assert torch.equal(y, moved(views, x))
    assert not torch.equal(y, moved(views, x, seed=1))
    assert not torch.equal(y[0], moved(views, x[:1].expand_as(x))[1])


def test_characters_are_never_mirrored_and_names_are_known() -> None:
    theta = RECIPES["characters"].matrices(N, 28, 28, torch_stream(0, "noise"))
    assert (torch.linalg.det(theta[:, :, :2]) > 0).all()
    read = TypeAdapter(NamedViews).validate_python
    assert read("photographs") == RECIPES["photographs"]
    assert read({"flip": 0.5}) == Views(flip=0.5)
    with pytest.raises(ValidationError, match="no recipe of views; choices: photographs"):
        read("photos")
    with pytest.raises(ValidationError, match="the smaller comes first"):
        read({"crop": {"area": [0.5, 0.2]}})
