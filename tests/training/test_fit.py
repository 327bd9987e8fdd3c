"""The loop: order, noise, latents, frozen parts, snapshots, interruptions."""

import numpy as np
import pytest
import torch
from torch import nn

from bits import same_tensors
from rounding import Doubled, trained_alike
from tacit.images.dataset import Images
from tacit.models.config import ModelConfig, build
from tacit.models.parts import freeze
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training.checkpoint import FolderCheckpointer, Stopped, read_tensors, snapshot_path
from tacit.training.evaluation import evaluate
from tacit.training.frozen_codes import codes_of_frozen
from tacit.training.loop import Diverged, fit
from tacit.training.objectives import cross_entropy, elbo, squared_error
from tacit.training.schedule import Schedule

SHAPE = (1, 8, 8)


def some_images(n: int = 10) -> Images:
    pixels = numpy_stream(0, "pixels").integers(0, 256, (n, *SHAPE), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 2, ("even", "odd"))


def new(learn: str, seed: int = 0, n: int = 10, **settings):
    config = ModelConfig(learn=learn, shape=SHAPE, latent_dim=3, n_classes=2, **settings)
    if "posterior" in settings:
        config = config.model_copy(update={"n_images": n})
    with seeded_initialisation(seed):
        return build(config)


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


KINDS = [
    ("autoencoder", {}, squared_error),
    ("classifier", {}, cross_entropy),
    ("vae", {}, elbo()),
    ("vae", {"posterior": "per-image"}, elbo()),
]


@pytest.mark.parametrize(("learn", "settings", "objective"), KINDS)
def test_training_lowers_the_loss(learn, settings, objective) -> None:
    model, images = new(learn, **settings), some_images()
    before = evaluate(model, objective, images)["loss"].mean()
    fit(model, objective, images, Schedule(10, 5, 60, rate=3e-3), seed=0)
    assert evaluate(model, objective, images)["loss"].mean() < before


@pytest.mark.parametrize(("learn", "settings", "objective"), KINDS)
def test_the_same_seed_gives_the_same_weights_whatever_the_global_generator_holds(
    learn, settings, objective
) -> None:
    finals = []
    for state in (1, 2):
        torch.random.default_generator.manual_seed(state)
        before = torch.random.get_rng_state()
        model = new(learn, **settings)
        fit(model, objective, some_images(), Schedule(10, 4, 7), seed=3)
        assert torch.equal(torch.random.get_rng_state(), before)
        finals.append(weights(model))
    assert same_tensors(*finals)
    other = new(learn, **settings)
    fit(other, objective, some_images(), Schedule(10, 4, 7), seed=4)
    assert not same_tensors(finals[0], weights(other))


@pytest.mark.parametrize(("learn", "settings", "objective"), KINDS)
@pytest.mark.parametrize("stop_at", [1, 5, 6])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    learn, settings, objective, stop_at, tmp_path
) -> None:
    schedule = Schedule(10, 4, 9, evaluate_at=(3, 6, 9), snapshot_at=(3,), row_updates=2)
    whole = new(learn, **settings)
    history = fit(whole, objective, some_images(), schedule, seed=0, test=some_images(4))
    asked = iter(range(1, 100))
    checkpointer = FolderCheckpointer(tmp_path, stop=lambda: next(asked) == stop_at)
    first = new(learn, **settings)
    with pytest.raises(Stopped):
        fit(
            first,
            objective,
            some_images(),
            schedule,
            seed=0,
            test=some_images(4),
            checkpointer=checkpointer,
        )
    second = new(learn, seed=99, **settings)
    again = fit(
        second,
        objective,
        some_images(),
        schedule,
        seed=0,
        test=some_images(4),
        checkpointer=FolderCheckpointer(tmp_path),
    )
    assert same_tensors(weights(whole), weights(second))
    assert again.to_json() == history.to_json()


def test_a_damaged_checkpoint_is_not_used(tmp_path) -> None:
    asked = iter(range(1, 100))
    checkpointer = FolderCheckpointer(tmp_path, stop=lambda: next(asked) == 3)
    with pytest.raises(Stopped):
        fit(
            new("vae"), elbo(), some_images(), Schedule(10, 4, 9), seed=0, checkpointer=checkpointer
        )
    path = tmp_path / "checkpoints" / "update-3.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    whole, resumed = new("vae"), new("vae")
    fit(whole, elbo(), some_images(), Schedule(10, 4, 9), seed=0)
    fit(
        resumed,
        elbo(),
        some_images(),
        Schedule(10, 4, 9),
        seed=0,
        checkpointer=FolderCheckpointer(tmp_path),
    )
    assert same_tensors(weights(whole), weights(resumed))


def test_every_image_is_visited_once_an_epoch_and_the_last_short_batch_counts() -> None:
    model = new("vae", posterior="per-image")
    before = weights(model)["posterior.mean"]
    visits = []

    def watching(model, batch, generator):
        visits.append(batch.index.tolist())
        return elbo()(model, batch, generator)

    fit(model, watching, some_images(), Schedule(10, 4, 6), seed=0)
    assert [len(batch) for batch in visits] == [4, 4, 2, 4, 4, 2]
    for epoch in (visits[:3], visits[3:]):
        assert sorted(row for batch in epoch for row in batch) == list(range(10))
    assert (weights(model)["posterior.mean"] != before).any(dim=1).all()


def test_a_batch_larger_than_the_set_still_trains() -> None:
    model = new("classifier")
    before = weights(model)
    history = fit(model, cross_entropy, some_images(), Schedule(10, 128, 5), seed=0)
    assert len(history.loss) == 5
    assert not same_tensors(before, weights(model))


def without_noise(model, batch, generator):
    """An ELBO at the posterior's mean: what is left is the same in whatever order."""
    q = model.posterior(batch.x, batch.index)
    value = model.likelihood.log_prob(batch.x, model.decoder(q.mean))
    return {"loss": q.kl_to_standard().sum(dim=-1) - value}


def test_shuffling_the_data_permutes_the_latents_and_changes_nothing_else() -> None:
    images = some_images()
    permutation = numpy_stream(1, "permutation").permutation(10)
    straight, shuffled = (new("vae", posterior="per-image") for _ in range(2))
    with torch.no_grad():
        shuffled.posterior.mean.copy_(straight.posterior.mean[permutation])
    for model, data in ((straight, images), (shuffled, images.take(permutation))):
        # Whole batches, so that every update sees the same images in both.
        fit(model, without_noise, data, Schedule(10, 10, 8), seed=0)
    torch.testing.assert_close(
        shuffled.posterior.mean, straight.posterior.mean[permutation], rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(
        shuffled.posterior.log_var, straight.posterior.log_var[permutation], rtol=1e-4, atol=1e-5
    )


def test_an_images_latent_gradient_does_not_depend_on_its_company() -> None:
    images = some_images()
    moved = {}
    for batch_size in (1, 10):
        model = new("vae", posterior="per-image")
        for parameter in model.decoder.parameters():
            parameter.requires_grad_(False)
        start = weights(model)["posterior.mean"]
        # ε dwarfs the gradient here, so that Adam's step is in proportion to it.
        schedule = Schedule(10, batch_size, 10 // batch_size)
        from tacit.training import loop as module

        class Plain(module.RowAdam):
            def __init__(self, parameters, *, rate, betas):
                super().__init__(parameters, rate=rate, betas=betas, eps=1e6)

        original, module.RowAdam = module.RowAdam, Plain
        try:
            fit(model, without_noise, images, schedule, seed=0)
        finally:
            module.RowAdam = original
        moved[batch_size] = weights(model)["posterior.mean"] - start
    assert moved[1].abs().max() > 0
    torch.testing.assert_close(moved[1], moved[10], rtol=1e-2, atol=1e-9)


def test_a_snapshot_holds_decoder_and_latents_of_its_update(tmp_path) -> None:
    schedule = Schedule(10, 5, 8, snapshot_at=(4, 8))
    model = new("vae", posterior="per-image")
    fit(model, elbo(), some_images(), schedule, seed=0, checkpointer=FolderCheckpointer(tmp_path))
    shorter = new("vae", posterior="per-image")
    fit(shorter, elbo(), some_images(), Schedule(10, 5, 4), seed=0)
    early = read_tensors(snapshot_path(tmp_path, 4))
    assert {"posterior.mean", "posterior.log_var"} <= early.keys()
    assert same_tensors(early, weights(shorter))
    assert same_tensors(read_tensors(snapshot_path(tmp_path, 8)), weights(model))
    assert not same_tensors(early, weights(model))


def test_a_frozen_encoder_is_the_same_to_the_bit_afterwards() -> None:
    model = new("autoencoder")
    model.encoder.features.append(nn.BatchNorm1d(256))
    freeze(model.encoder)
    before, decoder = weights(model.encoder), weights(model.decoder)
    fit(model, squared_error, some_images(), Schedule(10, 5, 6), seed=0)
    assert same_tensors(before, weights(model.encoder))
    assert not same_tensors(decoder, weights(model.decoder))


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where() -> None:
    def breaking(model, batch, generator):
        loss = squared_error(model, batch, generator)["loss"]
        return {"loss": loss * float("nan") if 7 in batch.index.tolist() else loss}

    with pytest.raises(Diverged, match=r"loss is nan at update \d+ \(epoch 1, batch .*seed 5"):
        fit(new("autoencoder"), breaking, some_images(), Schedule(10, 2, 20), seed=5)


def test_test_images_are_looked_at_and_never_learned_from() -> None:
    finals = []
    for test in (None, some_images(4)):
        model = new("classifier")
        fit(
            model, cross_entropy, some_images(), Schedule(10, 5, 6, evaluate_at=(2, 6)), seed=0,
            test=test,
        )  # fmt: skip
        finals.append(weights(model))
    assert same_tensors(*finals)


def test_evaluation_uses_the_same_noise_each_time_and_no_gradient() -> None:
    model, images = new("vae"), some_images()
    first, second = (evaluate(model, elbo(), images, batch_size=4) for _ in range(2))
    assert first.keys() == {"loss", "elbo", "reconstruction", "kl"}
    assert same_tensors(first, second)
    assert first["loss"].shape == (10,)
    assert not first["loss"].requires_grad


def test_large_images_are_evaluated_in_smaller_batches(monkeypatch) -> None:
    model, images, sizes = new("autoencoder"), some_images(), []

    def counting(model, batch, generator):
        sizes.append(len(batch.x))
        return squared_error(model, batch, generator)

    whole = evaluate(model, counting, images)["loss"]
    monkeypatch.setattr("tacit.training.batches.PIXELS_AT_ONCE", 3 * 64)
    parts = evaluate(model, counting, images)["loss"]
    assert sizes == [10, 3, 3, 3, 1]
    assert torch.allclose(whole, parts, rtol=1e-5)
    monkeypatch.setattr("tacit.training.batches.PIXELS_AT_ONCE", 1)  # less than an image has
    assert torch.allclose(whole, evaluate(model, counting, images)["loss"], rtol=1e-5)


def reconstruction_of_the_mean(model, batch, generator):
    """An objective of a VAE without noise, so that a batch and its parts are comparable."""
    q = model.posterior(batch.x, batch.index)
    log_prob = model.likelihood.log_prob(batch.x, model.decoder(q.mean))
    return {"loss": q.mean.square().sum(dim=1) + q.log_var.square().sum(dim=1) - log_prob}


@pytest.mark.parametrize(
    ("learn", "settings", "objective"),
    [*KINDS[:2], *((*kind[:2], reconstruction_of_the_mean) for kind in KINDS[2:])],
)
def test_a_batch_of_large_images_is_learned_from_in_parts(
    learn, settings, objective, monkeypatch
) -> None:
    """As the whole batch, the last short part included, and never more images at once."""
    images = Doubled(some_images())
    schedule = Schedule(10, 7, 8, row_updates=2)
    whole, parts = new(learn, **settings).double(), new(learn, **settings).double()
    together = fit(whole, objective, images, schedule, seed=0)
    sizes = []

    def seen(model, batch, generator):
        sizes.append(len(batch.x))
        return objective(model, batch, generator)

    monkeypatch.setattr("tacit.training.batches.PIXELS_AT_ONCE", 3 * 64 + 10)
    divided = fit(parts, seen, images, schedule, seed=0)
    assert set(sizes) == {3, 1}
    assert sum(sizes) == 4 * 10 * (2 if "posterior" in settings else 1)
    alike = trained_alike(whole, n_summed=10 * 64, rate=schedule.row_rate, updates=2 * 8)
    np.testing.assert_allclose(divided.loss, together.loss, rtol=alike)
    for name, value in weights(whole).items():
        torch.testing.assert_close(value, weights(parts)[name], rtol=0, atol=alike)


def test_shared_weights_are_held_while_rows_alone_are_updated() -> None:
    """No gradient of theirs is worked out for nothing, and a frozen part is not let loose."""
    model, learning = new("vae", posterior="per-image"), []
    frozen = model.decoder.layers[0].bias.requires_grad_(False)

    def seen(model, batch, generator):
        learning.append((model.decoder.layers[0].weight.requires_grad, frozen.requires_grad))
        return elbo()(model, batch, generator)

    fit(model, seen, some_images(), Schedule(10, 10, 2, row_updates=3), seed=0)
    assert learning == 2 * [(False, False), (False, False), (True, False)]


def test_one_cycle_rises_and_falls() -> None:
    schedule = Schedule(10, 5, 100, rate=1.0, one_cycle=True)
    rates = [schedule.rate_at(update) for update in range(1, 101)]
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert np.argmax(rates) == pytest.approx(29, abs=2)
    assert rates[0] < 0.1
    assert rates[-1] < 0.01
    part = Schedule(10, 5, 60, rate=1.0, one_cycle=True, cycle=100)
    assert [part.rate_at(update) for update in range(1, 61)] == rates[:60]
    assert Schedule.from_json(part.to_json()) == part
    assert "cycle" not in schedule.to_json()


def test_products_in_bfloat16_learn_the_same_and_are_evaluated_in_float32() -> None:
    pixels = numpy_stream(0, "pixels").integers(0, 256, (128, 1, 28, 28), dtype=np.uint8)
    images = Images(pixels, None, ())
    ends = {}
    for precision in ("float32", "bfloat16", "auto"):
        config = ModelConfig(learn="vae", shape=(1, 28, 28), latent_dim=16)
        with seeded_initialisation(0):
            model = build(config)
        history = fit(
            model,
            elbo(),
            images,
            Schedule(128, 64, 20, precision=precision, evaluate_at=(20,)),
            seed=0,
        )
        assert all(value.dtype == torch.float32 for value in model.state_dict().values())
        again = evaluate(model, elbo(), images)["loss"].mean()
        assert float(again) == pytest.approx(history.evaluations[-1].train["loss"].mean, rel=1e-6)
        ends[precision] = history.loss
    assert ends["auto"] == ends["float32"]
    assert ends["bfloat16"] != ends["float32"]
    np.testing.assert_allclose(ends["bfloat16"], ends["float32"], rtol=2e-3)


def test_a_precision_that_is_not_said_leaves_a_schedule_as_it_was() -> None:
    assert "precision" not in Schedule(10, 5, 60).to_json()
    rounded = Schedule(10, 5, 60, precision="bfloat16")
    assert rounded.to_json()["precision"] == "bfloat16"
    assert Schedule.from_json(rounded.to_json()) == rounded


@pytest.mark.parametrize(
    ("learn", "objective"), [("classifier", cross_entropy), ("autoencoder", squared_error)]
)
def test_codes_of_a_frozen_encoder_are_made_once_and_teach_the_same(
    learn, objective, monkeypatch
) -> None:
    images = Doubled(some_images(30))
    ends, looks = [], []
    for most in (2**26, 0):  # none are kept where none are allowed
        monkeypatch.setattr("tacit.training.frozen_codes.MOST_CODES", most)
        model = new(learn).double()
        freeze(model.encoder)
        seen = []
        model.encoder.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        fit(model, objective, images, Schedule(30, 8, 40, rate=3e-3), seed=0)
        ends.append(weights(model))
        looks.append(len(seen))
    assert looks == [1, 40]
    alike = trained_alike(model, n_summed=30 * 64, rate=3e-3, updates=40)
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name], rtol=0, atol=alike)


def test_codes_are_not_kept_of_an_encoder_that_learns_or_for_less_than_an_epoch() -> None:
    images, model = some_images(30), new("classifier")
    assert codes_of_frozen(model, images, Schedule(30, 8, 40)) is None
    freeze(model.encoder)
    assert codes_of_frozen(model, images, Schedule(30, 8, 3)) is None
    codes = codes_of_frozen(model, images, Schedule(30, 8, 4))
    assert torch.equal(codes, model.encoder(torch.from_numpy(images.scaled(np.arange(30)))))
