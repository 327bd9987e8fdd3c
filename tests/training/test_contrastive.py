"""Objectives that compare views, beside slow references; what is seen where codes collapse."""

import copy
import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from bits import same_tensors
from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.models.config import DenseNetwork, ModelConfig, build
from tacit.models.parts import freeze
from tacit.streams import numpy_stream, seeded_initialisation, torch_stream
from tacit.training.checkpoint import FolderCheckpointer, Stopped
from tacit.training.collapse import (
    NEIGHBOUR,
    Collapsed,
    effective_rank,
    spread_of,
    varying_share,
)
from tacit.training.components import components
from tacit.training.evaluation import evaluate
from tacit.training.history import History
from tacit.training.loop import fit
from tacit.training.objectives import Batch, byol, nt_xent, objective_of, simclr, vicreg
from tacit.training.objectives.tables import (
    BYOLTable,
    ObjectiveTable,
    SimCLRTable,
    VICRegTable,
    read_objective,
)
from tacit.training.schedule import Schedule
from tacit.training.state import Checkpointer
from tacit.training.views import RECIPES, Affine, Views


class Kept(Checkpointer):
    """Keeps copies of a model's snapshots, and resumes nothing."""

    def __init__(self, found: list) -> None:
        self.found = found

    def resume(self, state) -> tuple[int, History]:
        return 0, History()

    def snapshot(self, update, state) -> None:
        self.found.append(copy.deepcopy(state.model).eval())

    def after_update(self, update, value, state, history) -> None:
        pass


SHAPE = (1, 8, 8)
SMALL = DenseNetwork(hidden=(8,), activation="tanh")
SEEN = Views(affine=Affine())
OBJECTIVES = {
    "simclr": simclr(SEEN),
    "vicreg": vicreg(SEEN),
    "byol": byol(SEEN),
}


def new(seed: int = 0, **settings):
    config = ModelConfig(
        learn="contrastive",
        shape=SHAPE,
        latent_dim=4,
        network=settings.pop("network", SMALL),
        projector={"hidden": 8, "out": 6},
        momentum=settings.pop("momentum", 0.9),
        **settings,
    )
    with seeded_initialisation(seed):
        return build(config)


def some_images(n: int = 12) -> Images:
    pixels = numpy_stream(0, "pixels").integers(0, 256, (n, *SHAPE), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 2, ("even", "odd"))


def some_batch(n: int = 7) -> Batch:
    x = torch.rand(n, *SHAPE, generator=torch_stream(0, "x"), dtype=torch.float64)
    return Batch(x, None, torch.arange(n))


def outputs(n: int = 7, width: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    both = torch.randn(2, n, width, generator=torch_stream(0, "z"), dtype=torch.float64)
    return both[0], both[1]


def _reference_nt_xent(first, second, temperature, others=None):
    """One view and one cosine at a time."""
    n = len(first)
    z = [*first, *second]
    losses = [0.0] * n
    for i in range(2 * n):
        total = 0.0
        for k in range(2 * n):
            away = (k - i) % n
            if k == i or (others is not None and away > others):
                continue
            cosine = z[i] @ z[k] / (z[i].norm() * z[k].norm())
            total += math.exp(cosine / temperature)
            if k == (i + n) % (2 * n):
                right = math.exp(cosine / temperature)
        losses[i % n] -= math.log(right / total) / 2
    return torch.tensor(losses, dtype=torch.float64)


@pytest.mark.parametrize("others", [None, 3, 100])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_nt_xent_is_the_reference(temperature, others) -> None:
    first, second = outputs()
    expected = _reference_nt_xent(first, second, temperature, others)
    torch.testing.assert_close(nt_xent(first, second, temperature, others), expected)


def test_nt_xent_of_codes_that_are_all_alike_is_that_of_a_guess() -> None:
    z = torch.ones(9, 4, dtype=torch.float64)
    torch.testing.assert_close(nt_xent(z, z, 0.5), torch.full((9,), math.log(17)).double())


def test_nt_xent_of_aligned_codes_at_right_angles_is_known() -> None:
    """Each image along an axis of its own: cosines are 1 and 0."""
    z = torch.eye(8, dtype=torch.float64)
    expected = math.log(1 + 14 * math.exp(-1 / 0.2))
    torch.testing.assert_close(nt_xent(z, z, 0.2), torch.full((8,), expected).double())


def test_nt_xent_of_aligned_and_uniform_codes_has_its_limit() -> None:
    """Wang and Isola 2020: log(2 N) - 1/τ + log E exp(cos/τ), on a circle a Bessel function."""
    from scipy.special import ive

    angle = 2 * math.pi * torch.arange(1000, dtype=torch.float64) / 1000
    z = torch.stack([angle.cos(), angle.sin()], dim=1)
    temperature = 0.25
    limit = math.log(2000) + math.log(ive(0, 1 / temperature))
    assert float(nt_xent(z, z, temperature).mean()) == pytest.approx(limit, abs=0.01)


def test_evaluated_nt_xent_does_not_depend_on_how_many_are_looked_at() -> None:
    model = new().eval()
    few, many = (evaluate(model, OBJECTIVES["simclr"], some_images(n)) for n in (150, 600))
    assert few["loss"].mean() == pytest.approx(float(many["loss"].mean()), abs=0.1)
    assert float(nt_xent(*outputs(600), 0.5).mean()) > float(nt_xent(*outputs(150), 0.5).mean()) + 1


def _reference_vicreg(first, second, invariance, variance, covariance):
    n, width = first.shape
    losses = []
    for i in range(n):
        losses.append(
            invariance * sum((first[i, j] - second[i, j]) ** 2 for j in range(width)) / width
        )
    for z in (first, second):
        found = np.cov(z.numpy(), rowvar=False)
        spread = sum(max(0.0, 1 - math.sqrt(found[j, j] + 1e-4)) for j in range(width)) / width
        together = sum(found[j, k] ** 2 for j in range(width) for k in range(width) if j != k)
        losses = [one + variance * spread / 2 + covariance * together / width for one in losses]
    return torch.stack(losses)


@torch.no_grad()
def test_vicreg_is_the_reference() -> None:
    model, batch = new().double().train(), some_batch()
    terms = vicreg(SEEN, 3.0, 2.0, 0.5)(model, batch, torch_stream(1, "noise"))
    generator = torch_stream(1, "noise")
    x = torch.cat([SEEN(batch.x, generator), SEEN(batch.x, generator)])
    first, second = model.projector(model.encoder.features(x)).chunk(2)
    torch.testing.assert_close(terms["loss"], _reference_vicreg(first, second, 3.0, 2.0, 0.5))
    assert all(term.shape == (7,) for term in terms.values())


def test_byol_is_the_reference_and_learns_nothing_through_the_averages() -> None:
    model, batch = new().double().train(), some_batch()
    with torch.no_grad():
        model.projector[0].weight.add_(0.3)  # so that averages differ
    loss = byol(SEEN)(model, batch, torch_stream(1, "noise"))["loss"]
    generator = torch_stream(1, "noise")
    x = torch.cat([SEEN(batch.x, generator), SEEN(batch.x, generator)])
    guess, mean = model.predictor(model.projector(model.encoder.features(x))), model.average(x)
    expected = torch.stack(
        [
            sum(
                (guess[a] / guess[a].norm() - mean[b] / mean[b].norm()).square().sum()
                for a, b in ((i, i + 7), (i + 7, i))
            )
            for i in range(7)
        ]
    )
    torch.testing.assert_close(loss, expected)
    loss.mean().backward()
    assert all(p.grad is None for p in model.average.parameters())
    assert all(p.grad is not None for p in model.predictor.parameters())


def test_a_model_without_averages_is_named() -> None:
    with pytest.raises(TypeError, match="momentum"):
        byol(SEEN)(new(momentum=None), some_batch(), torch_stream(0, "noise"))


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_training_lowers_the_loss_of_the_same_views(name) -> None:
    model, images = new(), some_images()
    before = evaluate(model, OBJECTIVES[name], images)["loss"].mean()
    fit(model, OBJECTIVES[name], images, Schedule(12, 6, 60, rate=1e-2), seed=0)
    assert evaluate(model, OBJECTIVES[name], images)["loss"].mean() < before


@pytest.mark.parametrize("name", list(OBJECTIVES))
@pytest.mark.parametrize("stop_at", [1, 5])
def test_an_interrupted_run_goes_on_to_the_same_bits(name, stop_at, tmp_path) -> None:
    """Averages and running statistics too; a last batch of one image counts."""
    images, schedule = some_images(9), Schedule(9, 4, 7, evaluate_at=(3, 7))
    whole = new()
    history = fit(whole, OBJECTIVES[name], images, schedule, seed=0)
    asked = iter(range(1, 100))
    checkpointer = FolderCheckpointer(tmp_path, stop=lambda: next(asked) == stop_at)
    with pytest.raises(Stopped):
        fit(new(), OBJECTIVES[name], images, schedule, seed=0, checkpointer=checkpointer)
    again = new(seed=9)
    checkpointer = FolderCheckpointer(tmp_path)
    found = fit(again, OBJECTIVES[name], images, schedule, seed=0, checkpointer=checkpointer)
    assert same_tensors(whole.state_dict(), again.state_dict())
    assert found.to_json() == history.to_json()
    changed = {
        k for k, v in new().state_dict().items() if not torch.equal(v, whole.state_dict()[k])
    }
    assert any(key.startswith("average.") for key in changed)


def test_a_frozen_encoder_stays_to_the_bit() -> None:
    model = new(momentum=None)
    model.encoder.features.append(nn.BatchNorm1d(8))
    freeze(model.encoder)
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    fit(model, OBJECTIVES["simclr"], some_images(), Schedule(12, 6, 4), seed=0)
    assert same_tensors(before, model.encoder.state_dict())


def test_a_batch_is_never_taken_in_parts(monkeypatch) -> None:
    from tacit.training import batches

    monkeypatch.setattr(batches, "PIXELS_AT_ONCE", 128)
    seen = []

    def watching(model, batch, generator):
        seen.append(len(batch.x))
        return OBJECTIVES["simclr"](model, batch, generator)

    watching.needs_whole_batch = True
    fit(new(), watching, some_images(), Schedule(12, 6, 2), seed=0)
    assert seen == [6, 6]


def test_effective_rank_is_known_where_it_is_known() -> None:
    axes = torch.cat([torch.eye(4), -torch.eye(4)])
    assert effective_rank(axes) == pytest.approx(4)
    assert effective_rank(axes * torch.tensor([1.0, 1, 0, 0]) + 5) == pytest.approx(2)
    assert effective_rank(torch.arange(6.0)[:, None] * torch.ones(3) + 1) == pytest.approx(1)
    assert effective_rank(torch.ones(6, 3)) == 0
    values = np.array([3.0, 1.0])
    p = values / values.sum()
    ranked = effective_rank(
        torch.cat([torch.diag(torch.tensor([3.0, 1])), -torch.diag(torch.tensor([3.0, 1]))])
    )
    assert ranked == pytest.approx(math.exp(-(p * np.log(p)).sum()))


def test_the_varying_share_is_a_share_of_the_mean_square() -> None:
    z = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert varying_share(z) == pytest.approx(0.5)
    assert varying_share(torch.ones(3, 2)) == 0
    assert varying_share(torch.zeros(3, 2)) == 0


def test_spread_is_recorded_with_every_evaluation() -> None:
    model, images = new(), some_images()
    schedule = Schedule(12, 6, 4, evaluate_at=(2, 4))
    history = fit(model, OBJECTIVES["simclr"], images, schedule, seed=0, test=some_images(5))
    updates, ranks, _ = history.curve("train", "effective rank")
    assert updates.tolist() == [2, 4]
    codes = model.encode(torch.from_numpy(images.scaled())).detach()
    assert ranks[-1] == pytest.approx(effective_rank(codes))
    spread = history.evaluations[-1].train["spread"]
    assert spread.mean == pytest.approx(float(codes.double().std(dim=0).mean()), rel=1e-5)
    assert spread.n == 4
    apart = torch.cdist(codes, codes) + 1e9 * torch.eye(12)
    right = np.mean(images.labels[apart.argmin(dim=1).numpy()] == images.labels)
    assert history.evaluations[-1].train[NEIGHBOUR].mean == pytest.approx(right)
    assert 0 < right < 1
    bare = fit(new(), OBJECTIVES["simclr"], Images(images.pixels), schedule, seed=0)
    assert NEIGHBOUR not in bare.evaluations[-1].train
    assert bare.evaluations[-1].train["spread"] == spread


def test_codes_that_are_all_alike_stop_a_run_with_the_reason() -> None:
    """Nothing but agreement is asked for: the way out is one output for all."""
    digits = open_images("digits").train.take(np.arange(150))
    schedule = Schedule(150, 75, 160, rate=1e-2, evaluate_at=tuple(range(20, 161, 20)))
    reason = r"makes of the features is the same for all 150 images: .*after update \d+ .*seed 0"
    with pytest.raises(Collapsed, match=reason):
        fit(new(momentum=None), vicreg(SEEN, 25.0, 0.0, 0.0), digits, schedule, seed=0)
    kept = new(momentum=None)
    fit(kept, OBJECTIVES["vicreg"], digits, schedule, seed=0)
    assert spread_of(kept, digits).collapse is None


@pytest.mark.parametrize("shape", [(30, 6), (6, 30)])
def test_components_are_those_of_scikit_learn(shape) -> None:
    x = torch.randn(shape, generator=torch_stream(0, "features"), dtype=torch.float64) + 3
    mean, axes = components(x, 4)
    expected = PCA(4).fit(x.numpy())
    torch.testing.assert_close(mean, torch.from_numpy(expected.mean_))
    np.testing.assert_allclose(np.abs(axes.numpy() @ expected.components_.T), np.eye(4), atol=1e-9)
    assert (axes.gather(1, axes.abs().argmax(dim=1, keepdim=True)) > 0).all()


def test_directions_along_which_nothing_varies_are_zero() -> None:
    x = torch.zeros(9, 5)
    x[:, 2] = torch.arange(9.0)
    _, axes = components(x, 7)
    assert axes.abs().sum(dim=1).tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert not components(torch.ones(3, 5), 2)[1].any()


def test_codes_are_the_components_of_features_wherever_a_model_is_looked_at(tmp_path) -> None:
    model, images = new(), some_images()
    schedule = Schedule(12, 6, 6, evaluate_at=(2,), snapshot_at=(4,))
    fit(model, OBJECTIVES["byol"], images, schedule, seed=0, checkpointer=Kept(found := []))
    x = torch.from_numpy(images.scaled())
    for one in (*found, model):
        features = one.encoder.features(x).detach()
        mean, axes = components(features, 4)
        torch.testing.assert_close(one.encode(x).detach(), (features - mean) @ axes.t())
    assert len(found) == 1


def test_codes_along_one_direction_are_named() -> None:
    model = new()
    with torch.no_grad():
        model.encoder.code.weight.copy_(
            torch.ones(4, 1) @ torch.randn(1, 8, generator=torch_stream(0, "w"))
        )
    assert "along one direction" in str(spread_of(model, some_images()).collapse)


def test_tables_say_what_is_minimised_and_for_which_model() -> None:
    read = read_objective({"kind": "simclr", "views": "characters", "temperature": 0.2})
    assert read == SimCLRTable(views=RECIPES["characters"], temperature=0.2)
    for table in (read, VICRegTable(), BYOLTable(), ObjectiveTable(beta=2)):
        assert read_objective(table.model_dump(mode="json")) == table
    assert read_objective({}) == ObjectiveTable()
    config = ModelConfig(learn="vae", shape=SHAPE, latent_dim=4)
    with pytest.raises(ValueError, match="'vae' does not minimise 'simclr'"):
        objective_of(config, SimCLRTable())
    with pytest.raises(ValueError, match="'contrastive' does not minimise 'elbo'"):
        objective_of(config.model_copy(update={"learn": "contrastive"}), ObjectiveTable())


def test_jobs_of_other_kinds_keep_their_names() -> None:
    dumped = ModelConfig(learn="vae", shape=SHAPE, latent_dim=4).model_dump(mode="json")
    assert not {"projector", "momentum"} & dumped.keys()
    own = ModelConfig(learn="contrastive", shape=SHAPE, latent_dim=4, projector={"out": 8})
    assert ModelConfig.model_validate(own.model_dump(mode="json")) == own
