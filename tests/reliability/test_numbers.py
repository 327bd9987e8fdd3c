"""Numbers that are none: in gradients, evaluations, data and records."""

import json

import numpy as np
import pytest
import torch

from tacit.cli import run_command
from tacit.files import Damaged, read_json, write_json
from tacit.images.dataset import Images
from tacit.models.config import ModelConfig, build
from tacit.streams import numpy_stream, seeded_initialisation
from tacit.training.loop import Diverged, fit
from tacit.training.objectives import elbo, squared_error
from tacit.training.schedule import Schedule

SHAPE = (1, 8, 8)


def images(n: int = 10) -> Images:
    pixels = numpy_stream(0, "numbers").integers(0, 256, (n, *SHAPE), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 2, ("a", "b"))


def model(**table):
    config = ModelConfig.model_validate(
        {"shape": SHAPE, "latent_dim": 2, "network": "dense"} | table
    )
    with seeded_initialisation(0):
        return build(config)


def lost_gradient(parameter, at_row: int):
    """An objective with a finite loss, whose gradient is not finite where a row is in the batch."""

    def objective(model, batch, generator):
        loss = squared_error(model, batch, generator)["loss"]
        if at_row in batch.index.tolist():
            # The square root of 0: its value is 0, its slope is not.
            loss = loss + (parameter(model).sum() * 0).sqrt()
        return {"loss": loss}

    return objective


def test_a_gradient_that_is_not_finite_under_a_finite_loss_ends_the_run() -> None:
    bias = lost_gradient(lambda model: model.decoder.layers[-1].bias, at_row=7)
    fitted = model(learn="autoencoder")
    with pytest.raises(Diverged, match=r"the loss is nan at update \d+ .* with seed 3"):
        fit(fitted, bias, images(), Schedule(10, 2, 20), seed=3)


def test_a_gradient_that_is_not_finite_at_the_last_update_is_seen() -> None:
    bias = lost_gradient(lambda model: model.decoder.layers[-1].bias, at_row=7)
    fitted = model(learn="autoencoder")
    message = (
        r"64 of 64 values of 'decoder\.layers\.2\.bias' are not finite after update 1 \(epoch 1\) "
        "with seed 3: a gradient was not"
    )
    with pytest.raises(Diverged, match=message):
        fit(fitted, bias, images(), Schedule(10, 10, 1), seed=3)


def test_a_lost_code_of_one_image_is_seen_before_it_is_kept() -> None:
    def objective(model, batch, generator):
        terms = elbo()(model, batch, generator)
        lost = model.posterior(batch.x, batch.index).mean[batch.index == 7]
        return terms | {"loss": terms["loss"] + (lost.sum() * 0).sqrt()} if len(lost) else terms

    fitted = model(learn="vae", posterior="per-image", n_images=10)
    with pytest.raises(Diverged, match=r"values of 'posterior\.mean' are not finite"):
        fit(fitted, objective, images(), Schedule(10, 2, 5, snapshot_at=(5,)), seed=0)


def test_a_term_of_test_images_that_is_not_finite_is_named() -> None:
    def objective(model, batch, generator):
        loss = squared_error(model, batch, generator)["loss"]
        return {"loss": loss / (1.0 if model.training else 0.0)}

    schedule = Schedule(10, 5, 4, evaluate_at=(2, 4))
    with pytest.raises(Diverged, match=r"the loss of train images is inf .* after update 2"):
        fit(model(learn="autoencoder"), objective, images(), schedule, seed=0, test=images(4))


def test_a_sound_run_ends_with_finite_weights() -> None:
    fitted = model(learn="autoencoder")
    fit(fitted, squared_error, images(), Schedule(10, 5, 4, evaluate_at=(4,)), seed=0)
    assert all(torch.isfinite(value).all() for value in fitted.state_dict().values())


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pixels_that_are_no_numbers_are_refused_before_any_work(
    lost, dtype, tmp_path, capsys
) -> None:
    x = np.full((12, 8, 8), 0.5, dtype)
    x[7, 3, 3] = lost
    np.save(tmp_path / "x.npy", x)
    code = run_command(
        ["run", "inference", "--images", str(tmp_path / "x.npy"), "--out", str(tmp_path / "out")]
    )
    assert code == 2
    told = "hold NaN" if np.isnan(lost) else "they must be numbers in [0, 1]"
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ['{"a": NaN}', "[Infinity]", '[{"b": [-Infinity]}]'])
def test_a_record_with_nan_is_damaged(text, tmp_path) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(Damaged, match=r"record\.json is damaged: it holds .*, which is no number"):
        read_json(path)


def test_no_record_is_written_with_nan(tmp_path) -> None:
    path = tmp_path / "record.json"
    write_json(path, {"a": 1})
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="JSON compliant"):
            write_json(path, {"a": float(value)})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["record.json"]
