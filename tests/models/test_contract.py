"""What every network, likelihood and posterior must do, whichever it is."""

import math
from typing import get_args

import pytest
import torch
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import Normal, kl_divergence
from torch.nn.utils import parameters_to_vector

from tacit.models.config import (
    BernoulliTable,
    ConvNetwork,
    DenseNetwork,
    GaussianTable,
    Learn,
    ModelConfig,
    PoolNetwork,
    ResNetwork,
    build,
)
from tacit.models.likelihoods import Bernoulli, Gaussian
from tacit.models.networks import ConvEncoder, convolution_shapes
from tacit.models.parts import PartError, part_of
from tacit.models.posteriors import DiagonalNormal, PerImage
from tacit.models.residual import ResEncoder, Residual
from tacit.streams import seeded_initialisation, torch_stream

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 17, 30), (3, 64, 64)]
MIRRORED = [ConvNetwork(), ConvNetwork(hidden=None), DenseNetwork(), ResNetwork(width=4)]
NETWORKS = [*MIRRORED, PoolNetwork(), ResNetwork(width=6)]
LIKELIHOODS = [
    GaussianTable(),
    GaussianTable(sigma=0.5, learned=True),
    GaussianTable(link="identity"),
    BernoulliTable(),
    BernoulliTable(binarize="threshold"),
]


def images(shape, n=3, seed=0):
    return torch.rand(n, *shape, generator=torch_stream(seed, "images"))


def label(value):
    return f"{value.kind}-{getattr(value, 'hidden', '')}" if hasattr(value, "kind") else None


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("network", NETWORKS, ids=label)
def test_encoders_give_codes_and_every_weight_a_gradient(network, shape) -> None:
    encoder = network.encoder(shape, 5)
    x = images(shape)
    codes = encoder(x)
    assert codes.shape == (3, 5)
    assert encoder.features(x).shape == (3, encoder.n_features)
    codes.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("network", MIRRORED, ids=label)
def test_decoders_mirror_encoders_and_keep_leading_dimensions(network, shape) -> None:
    decoder = network.decoder(shape, 5)
    z = torch.randn(4, 2, 5, generator=torch_stream(0, "codes"))
    decoded = decoder(z)
    assert decoded.shape == (4, 2, *shape)
    torch.testing.assert_close(decoded[1, 1], decoder(z[1, 1]), rtol=1e-4, atol=1e-5)
    decoded.square().sum().backward()
    assert all(p.grad is not None for p in decoder.parameters())


@pytest.mark.parametrize("network", MIRRORED, ids=label)
def test_the_output_bias_can_start_at_the_mean_image(network) -> None:
    decoder = network.decoder((1, 8, 8), 4)
    mean = torch.full((1, 8, 8), 0.3)
    decoder.set_output_bias(mean)
    last = decoder.layers[-1]
    torch.testing.assert_close(last.bias.sigmoid(), torch.full_like(last.bias, 0.3))


def test_the_pool_network_has_no_decoder() -> None:
    with pytest.raises(ValueError, match="'pool' has no decoder"):
        PoolNetwork().decoder((1, 28, 28), 4)


def test_the_reports_network_is_the_one_for_28_pixels() -> None:
    assert convolution_shapes((1, 28, 28))[1:] == [(32, 14, 14), (64, 7, 7), (128, 4, 4)]
    linear = [m for m in ConvEncoder((1, 28, 28), 16).modules() if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(2048, 256), (256, 16)]


@pytest.mark.parametrize("table", LIKELIHOODS, ids=str)
def test_likelihoods_are_per_image_and_agree_with_pytorchs_distributions(table) -> None:
    likelihood = table.build()
    x = likelihood.observe(images((1, 4, 5)), torch_stream(0, "observe"))
    decoded = torch.randn(2, 3, 1, 4, 5, generator=torch_stream(0, "decoded"))
    value = likelihood.log_prob(x, decoded)
    assert value.shape == (2, 3)
    if isinstance(likelihood, Gaussian):
        reference = Normal(likelihood.mean(decoded), likelihood.sigma).log_prob(x)
    else:
        reference = TorchBernoulli(logits=decoded).log_prob(x)
    torch.testing.assert_close(value, reference.sum(dim=(-3, -2, -1)), rtol=1e-4, atol=1e-4)
    assert likelihood.sample(decoded, torch_stream(0, "sample")).shape == decoded.shape


def test_no_gaussian_log_likelihood_exceeds_its_peak() -> None:
    x = torch.full((1, 1, 28, 28), 0.5)
    best = Gaussian(0.2).log_prob(x, torch.zeros_like(x))
    assert best.item() == pytest.approx(541.35, abs=0.01)
    assert best.item() == pytest.approx(-784 * math.log(0.2 * math.sqrt(2 * math.pi)), abs=1e-2)


def test_bernoulli_probabilities_of_all_pictures_sum_to_one() -> None:
    pictures = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).reshape(16, 1, 2, 2)
    decoded = torch.randn(1, 2, 2, generator=torch_stream(3, "decoded")).expand(16, 1, 2, 2)
    total = Bernoulli("none").log_prob(pictures, decoded).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 19), (1, 1, 127), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("scale", [1, 20, 400])
def test_bernoulli_probabilities_are_as_exact_without_gradients(shape, scale) -> None:
    """With logits of any size, none of them lost beside larger ones; 127 is prime."""
    decoded = scale * torch.randn(5, 4, *shape, generator=torch_stream(5, "decoded"))
    x = (decoded[0].sigmoid() > torch.rand(4, *shape, generator=torch_stream(5, "x"))).float()
    decoded[1:] = 0.01 * decoded[1:] + 0.99 * decoded[0]
    fast = Bernoulli("none").log_prob(x, decoded)
    usual = Bernoulli("none").log_prob(x, decoded.requires_grad_())
    exact = TorchBernoulli(logits=decoded.detach().double()).log_prob(x.double()).sum((-3, -2, -1))
    assert not fast.requires_grad
    torch.testing.assert_close(usual.detach().double(), exact, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fast.double(), exact, rtol=1e-5, atol=1e-5)


def test_dynamic_binarisation_has_the_grey_values_as_means() -> None:
    x = images((1, 4, 4), 1).expand(4000, 1, 4, 4)
    drawn = Bernoulli("dynamic").observe(x, torch_stream(0, "binarise"))
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    torch.testing.assert_close(drawn.mean(dim=0), x[0], atol=0.04, rtol=0)


def test_diagonal_normal_agrees_with_pytorchs() -> None:
    mean, log_var = torch.randn(2, 3, 5, generator=torch_stream(0, "q"))
    q = DiagonalNormal(mean, log_var)
    reference = Normal(mean, (0.5 * log_var).exp())
    z = q.draw(7, torch_stream(0, "z"))
    torch.testing.assert_close(q.log_prob(z), reference.log_prob(z).sum(dim=-1))
    standard = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    torch.testing.assert_close(q.kl_to_standard(), kl_divergence(reference, standard))
    spread = q.draw(20_000, torch_stream(1, "z"))
    torch.testing.assert_close(spread.mean(dim=0), mean, atol=0.06, rtol=0)
    torch.testing.assert_close(spread.var(dim=0), log_var.exp(), atol=0.1, rtol=0.08)


def test_per_image_posteriors_are_looked_up_by_index() -> None:
    with seeded_initialisation(0):
        posterior = PerImage(10, 4)
    index = torch.tensor([7, 2])
    q = posterior(None, index)
    torch.testing.assert_close(q.mean, posterior.mean[index])
    q.mean.sum().backward()
    assert posterior.mean.grad.coalesce().indices().tolist() == [[2, 7]]


@pytest.mark.parametrize("learn", get_args(Learn))
def test_the_same_seed_builds_the_same_model_whatever_the_global_generator_holds(learn) -> None:
    config = ModelConfig(learn=learn, shape=(1, 8, 8), latent_dim=4, n_classes=3)
    built = []
    for state in (1, 2):
        torch.random.default_generator.manual_seed(state)
        before = torch.random.get_rng_state()
        with seeded_initialisation(5):
            built.append(build(config).state_dict())
        assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(built[0][name], built[1][name]) for name in built[0])
    with seeded_initialisation(6):
        other = build(config).state_dict()
    assert any(not torch.equal(built[0][name], other[name]) for name in other)


def test_vaes_that_differ_in_their_posterior_start_from_one_decoder() -> None:
    common = {"learn": "vae", "shape": (1, 8, 8), "latent_dim": 4}
    decoders = []
    for extra in ({}, {"posterior": "per-image", "n_images": 9}):
        with seeded_initialisation(0):
            decoders.append(build(ModelConfig(**common, **extra)).decoder.state_dict())
    assert all(torch.equal(decoders[0][name], decoders[1][name]) for name in decoders[0])


def test_encoding_the_same_image_twice_gives_the_same_code() -> None:
    model = build(ModelConfig(learn="vae", shape=(1, 8, 8), latent_dim=4)).eval()
    x = images((1, 8, 8))
    assert torch.equal(model.encode(x), model.encode(x))
    assert torch.equal(model.encode(x), model.posterior(x).mean)


def new_byol(**settings):
    config = {"learn": "contrastive", "shape": (1, 8, 8), "latent_dim": 4, "momentum": 0.9}
    with seeded_initialisation(0):
        return build(ModelConfig(**config, **settings))


@pytest.mark.parametrize("network", NETWORKS, ids=label)
def test_an_encoder_in_a_contrastive_model_gives_the_codes_and_the_projector_none(network) -> None:
    model = new_byol(network=network).eval()
    x = images((1, 8, 8))
    assert torch.equal(model.encode(x), model.encoder(x))
    assert model.encode(x).shape == (3, 4)
    assert {n for n, p in model.encoder.named_parameters() if not p.requires_grad} == {
        "code.weight",
        "code.bias",
    }
    assert part_of(model, "encoder") is model.encoder
    with pytest.raises(PartError, match="no part called 'decoder'"):
        part_of(model, "decoder")


def test_averages_follow_and_are_never_learned() -> None:
    model = new_byol()
    weight, mean = model.encoder.features[0].weight, model.average[0][0].weight
    assert torch.equal(weight, mean)
    assert not any(p.requires_grad for p in model.average.parameters())
    start = mean.clone()
    with torch.no_grad():
        weight.add_(1)
    model.follow()
    torch.testing.assert_close(mean, 0.9 * start + 0.1 * (start + 1))
    model.follow(momentum=0)
    assert torch.equal(mean, weight)


@pytest.mark.parametrize(
    ("shape", "n_blocks", "most"),
    [((1, 8, 8), 2, 0.1e6), ((3, 32, 32), 3, 0.25e6), ((3, 64, 64), 4, 0.5e6)],
)
def test_a_residual_network_is_as_deep_as_its_images_are_large(shape, n_blocks, most) -> None:
    with torch.device("meta"):
        encoder = ResEncoder(shape, 32)
    assert sum(isinstance(m, Residual) for m in encoder.modules()) == n_blocks
    assert sum(p.numel() for p in encoder.parameters()) < most


def test_a_residual_network_does_the_same_in_training_and_alone() -> None:
    with seeded_initialisation(0):
        encoder = ResEncoder((3, 20, 20), 4, width=8)
    x = images((3, 20, 20))
    codes = encoder.train()(x)
    torch.testing.assert_close(encoder.eval()(x[:1]), codes[:1], rtol=1e-4, atol=1e-5)
    assert not list(encoder.buffers())


def test_a_share_of_blank_answers_is_in_a_classifiers_logits() -> None:
    config = ModelConfig(learn="classifier", shape=(1, 8, 8), latent_dim=3, n_classes=4)
    assert "blank" not in config.model_dump()  # models of before keep their names
    blank = ModelConfig.model_validate({**config.model_dump(), "blank": 0.2})
    assert ModelConfig.model_validate(blank.model_dump()) == blank
    with seeded_initialisation(0):
        plain = build(config)
    with seeded_initialisation(0):
        model = build(blank)
    x = torch.rand(5, 1, 8, 8, generator=torch_stream(0, "pictures"))
    said, expected = model(x).softmax(dim=1), 0.8 * plain(x).softmax(dim=1) + 0.05
    torch.testing.assert_close(said, expected)


def test_an_encoder_begins_alike_whatever_reads_its_code() -> None:
    """Weights are drawn in turn: what is drawn before the encoder's would change them."""

    def begun(learn: Learn, n_classes: int) -> torch.Tensor:
        config = ModelConfig(learn=learn, shape=(1, 8, 8), latent_dim=5, n_classes=n_classes)
        with seeded_initialisation(0):
            return parameters_to_vector(build(config).get_submodule("encoder").parameters())

    two = begun("classifier", 2)
    assert torch.equal(two, begun("classifier", 10))
    assert torch.equal(two, begun("contrastive", 0))
