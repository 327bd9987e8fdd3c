"""What the page says of how a study was set."""

import torch

from tacit.models.config import ModelConfig, build
from tacit.studies.description.spec import Run
from tacit.studies.provenance import _differences, _layers_used


def told(**settings: object) -> str:
    return _differences(Run.model_validate({"learn": "vae", **settings}))


def test_what_differs_from_the_defaults_is_told_and_nothing_else() -> None:
    assert told() == "learn: vae"
    assert told(latent_dim=3, betas=[0.7, 0.9]) == "learn: vae, latent_dim: 3, betas: 0.7, 0.9"


def test_a_part_says_its_kind_and_a_layer_that_is_left_out() -> None:
    assert "network: conv, hidden none" in told(network={"kind": "conv", "hidden": None})
    assert "posterior: per-image, updates 5" in told(posterior={"kind": "per-image", "updates": 5})


def layers(**config: object) -> list[tuple[object, ...]]:
    made = ModelConfig.model_validate({"shape": (1, 28, 28), "latent_dim": 16, **config})
    with torch.device("meta"):
        model = build(made)
    used = _layers_used(model, made.shape)
    assert sum(layer.parameters for layer in used) == sum(p.numel() for p in model.parameters())
    return [(layer.part, layer.what, layer.shape, layer.parameters) for layer in used]


def test_layers_are_told_with_what_follows_them() -> None:
    convolution = "convolution 3×3, stride 2, ReLU"
    assert layers(learn="autoencoder") == [
        ("encoder", convolution, (32, 14, 14), 320),
        ("encoder", convolution, (64, 7, 7), 18_496),
        ("encoder", convolution, (128, 4, 4), 73_856),
        ("encoder", "linear, ReLU", (256,), 524_544),
        ("encoder", "linear", (16,), 4_112),
        ("decoder", "linear, ReLU", (256,), 4_352),
        ("decoder", "linear, ReLU", (2048,), 526_336),
        ("decoder", f"transposed {convolution}", (64, 7, 7), 73_792),
        ("decoder", f"transposed {convolution}", (32, 14, 14), 18_464),
        ("decoder", "transposed convolution 3×3, stride 2", (1, 28, 28), 289),
    ]


def test_layers_of_other_models() -> None:
    pool = layers(learn="classifier", network="pool", n_classes=10)
    assert pool[0] == ("encoder", "convolution 5×5, maximum of 2×2, ReLU", (24, 12, 12), 624)
    per_image = layers(learn="vae", posterior="per-image", n_images=1_000)
    assert per_image[0] == ("posterior", "mean of each image", (1_000, 16), 16_000)
    dense = layers(learn="autoencoder", network={"kind": "dense", "activation": "tanh"})
    assert dense[0] == ("encoder", "linear, Tanh", (512,), 401_920)
