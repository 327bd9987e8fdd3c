"""Parts are taken whole, refused with a list of what differs, and stay frozen."""

import pytest
import torch
from torch import nn

from tacit.models.config import ConvNetwork, ModelConfig, build
from tacit.models.parts import PartError, copy_part, freeze, part_of, training_mode
from tacit.streams import seeded_initialisation


def model(learn: str, seed: int = 0, **settings):
    table = {"shape": (1, 8, 8), "latent_dim": 4, "n_classes": 3, **settings}
    with seeded_initialisation(seed):
        return build(ModelConfig(learn=learn, **table))


@pytest.mark.parametrize("source", ["autoencoder", "vae", "classifier"])
@pytest.mark.parametrize("target", ["autoencoder", "vae", "classifier"])
def test_an_encoder_can_go_from_any_model_to_any_other(source, target) -> None:
    given, taking = model(source, 0), model(target, 1)
    x = torch.rand(2, 1, 8, 8)
    copy_part(part_of(given, "encoder"), part_of(taking, "encoder"), "the encoder")
    assert torch.equal(given.encode(x), taking.encode(x))


def test_probabilities_are_the_classifiers_own() -> None:
    classifier = model("classifier", 0)
    reader = model("autoencoder", 1, code_is="probabilities")
    copy_part(part_of(classifier, "probabilities"), part_of(reader, "probabilities"), "it")
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(reader.encode(x), classifier(x).softmax(dim=1))
    assert reader.decode(reader.encode(x)).shape == x.shape


def test_a_misfit_is_refused_with_every_difference() -> None:
    small = model("classifier")
    large = model("classifier", network=ConvNetwork(hidden=32))
    with pytest.raises(PartError, match="does not fit") as error:
        copy_part(part_of(small, "encoder"), part_of(large, "encoder"), "the encoder")
    text = str(error.value)
    assert "taken (256, 512), needed (32, 512)" in text
    assert "code.weight" in text


@pytest.mark.parametrize(
    ("learn", "settings", "part", "message"),
    [
        ("vae", {"posterior": "per-image", "n_images": 5}, "encoder", "no encoder"),
        ("classifier", {}, "decoder", "no part called 'decoder'"),
        ("vae", {}, "head", "parts are encoder, decoder, probabilities"),
    ],
)
def test_a_part_that_is_not_there_is_named(learn, settings, part, message) -> None:
    with pytest.raises(PartError, match=message):
        part_of(model(learn, **settings), part)


def test_frozen_parts_keep_weights_mode_and_running_statistics() -> None:
    frozen = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    whole = nn.Sequential(frozen, nn.Flatten(), nn.Linear(72, 3))
    freeze(frozen)
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in whole.parameters() if p.requires_grad])
    for _ in range(3):
        training_mode(whole)
        whole(torch.rand(4, 1, 8, 8)).sum().backward()
        optimizer.step()
    assert whole.training
    assert not frozen.training
    assert not frozen[1].training
    after = frozen.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in frozen.parameters())
