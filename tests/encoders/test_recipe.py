"""Pictures become what an encoder reads exactly as its makers' own code does it."""

import numpy as np
import pytest
import torch
from PIL import Image

from tacit.encoders.recipe import Recipe, as_said
from tacit.errors import EncoderError

PICTURES = [(40, 30), (30, 40), (25, 25), (91, 33), (64, 64), (200, 150), (501, 334)]


def picture(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", PICTURES)
@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("crop", [0.875, 1.0, 0.95])
def test_it_is_timms_own_transform_to_the_bit(timm, size, mode, interpolation, crop):
    from timm.data import create_transform

    mean, sd = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    theirs = create_transform(
        (3, 96, 96), interpolation=interpolation, mean=mean, std=sd, crop_pct=crop, crop_mode=mode
    )(picture(*size))
    fit = {"center": "cut", "squash": "squash"}[mode]
    ours = Recipe((96, 96), 3, crop, fit, interpolation, mean, sd).apply(picture(*size))
    assert torch.equal(torch.from_numpy(ours.copy()), theirs)


def test_padding_keeps_all_of_the_picture_and_fills_up_with_the_mean():
    read = Recipe((50, 50), fit="pad", mean=(0, 0, 1), sd=(1, 1, 1)).apply(
        Image.new("RGB", (100, 50), "white")
    )
    assert np.all(read[:, 13:37] == np.array([1, 1, 0])[:, None, None])
    assert np.all(read[:, :12] == 0)
    assert np.all(read[:, 38:] == 0)


def test_grey_raw_and_channels_last():
    grey = Recipe((8, 8), channels=1, raw=True, layout="nhwc", mean=(0,), sd=(1,))
    read = grey.apply(Image.new("RGB", (20, 10), (255, 255, 255)))
    assert read.shape == (8, 8, 1)
    assert read.dtype == np.uint8
    assert np.all(read == 255)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("size", "0", "side of 1 to 4096"),
        ("size", "big", "side of 1 to 4096"),
        ("crop", "2", "over 0 to 1"),
        ("fit", "stretch", "choices: cut, squash, pad"),
        ("interpolation", "cubic", "choices: nearest, bilinear, bicubic, lanczos"),
        ("mean", "1/2", "one number, or 3"),
        ("mean", "nan", "one number, or 3"),
        ("sd", "0", "above 0"),
        ("layout", "chw", "choices: nchw, nhwc"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(option, value, said):
    with pytest.raises(EncoderError, match=said):
        as_said(Recipe((8, 8)), {option: value}, "onnx:own.onnx")


def test_what_is_said_counts():
    said = {"size": "96x64", "crop": "0.9", "mean": "0.1/0.2/0.3", "sd": "0.5"}
    recipe = as_said(Recipe((8, 8)), said, "timm:resnet18")
    assert (recipe.size, recipe.crop) == ((96, 64), 0.9)
    assert (recipe.mean, recipe.sd) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
