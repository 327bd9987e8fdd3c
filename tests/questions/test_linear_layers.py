"""Whether the middle linear layer helps: both verdicts, and end to end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.measures.intervals import decide
from tacit.questions.base import Measurement, Runs, Setting
from tacit.questions.linear_layers.numbers import (
    Found,
    Network,
    Numbers,
    OfImages,
    Sides,
)
from tacit.questions.linear_layers.question import LinearLayers
from tacit.questions.shared.seeds import Seeds
from tacit.streams import numpy_stream

ASKED = LinearLayers(with_layer="autoencoder", without_layer="autoencoder-no-linear")


def setting(folder: Path) -> Setting:
    return Setting("asked", Figures(folder), (), 160, 100, "digits")


def fabricated(
    ratio: float, seeds: int = 1, code: int = 16, n: int = 100, name: str = "errors"
) -> dict[int, Measurement]:
    """Errors that differ fourfold between images, and by `ratio` between the two networks.

    Images are the same for all seeds, and so is by how much the networks differ on each.
    """
    rng = numpy_stream(0, name)
    images, on_image = np.exp(0.5 * rng.normal(size=n)), 0.05 * rng.normal(size=n)
    measured = {}
    for seed in range(seeds):
        errors, networks = [], {}
        for layers, factor in (("with", ratio), ("without", 1.0)):
            noise = 0.02 * rng.normal(size=n) + (0.005 * rng.normal() if seeds > 1 else 0.0)
            differs = on_image if layers == "with" else 0.0
            errors.append(images * factor * (1 + differs + noise))
            curve = np.array([np.arange(20) + 1, 1 / (np.arange(20) + 1)])
            of = code if layers == "without" else 16
            networks[layers] = Network(1.0, 1000, of, curve, np.zeros((3, 1, 8, 8), np.float32))
        table = OfImages(np.arange(n), None, Sides(*errors))
        pictures = np.zeros((3, 1, 8, 8), np.uint8)
        measured[seed] = Measurement.of(Numbers(networks, pictures, None, table))
    return measured


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(0.8, "yes"), (1.25, "no"), (1.0, "cannot tell")],
)
def test_the_verdict_follows_the_paired_interval(
    ratio: float, verdict: str, seeds: int, tmp_path: Path
) -> None:
    finding = ASKED.answer(fabricated(ratio, seeds), setting(tmp_path))
    assert finding.verdict == verdict


def test_seeds_and_images_are_paired(tmp_path: Path) -> None:
    finding = ASKED.answer(fabricated(0.9, seeds=3), setting(tmp_path))
    found = finding.numbers
    difference = found["with-minus-without.squared-error"]
    assert difference.interval == "95 % over 3 seeds × 100 test images, paired"
    # Images differ fourfold; paired, that spread is gone.
    alone = found["without.squared-error"]
    assert difference.high - difference.low < (alone.high - alone.low) / 3
    share, base = found["difference-share"], alone.value
    assert share.value == pytest.approx(difference.value / base)


def over(seeds: Seeds[Numbers]) -> Found:
    return Found(seeds, ASKED, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("seeds", [1, 3])
def test_networks_that_are_alike_are_rarely_told_apart(seeds: int) -> None:
    verdicts = []
    for k in range(150):
        seeds_of = Seeds.of(Numbers, fabricated(1.0, seeds, n=100, name=f"alike {k}"))
        verdicts.append(decide(over(seeds_of).numbers["with-minus-without.squared-error"]))
    assert np.mean([v in ("higher", "lower") for v in verdicts]) <= 0.06 + 2 * 0.018  # of 150


def test_codes_of_different_size_are_cautioned_against(tmp_path: Path) -> None:
    assert "codes differ" not in ASKED.answer(fabricated(1), setting(tmp_path / "a")).caveats[0]
    finding = ASKED.answer(fabricated(1, code=10), setting(tmp_path / "b"))
    assert "The codes differ in size, 16 and 10" in finding.caveats[0]


def test_end_to_end(trained: Callable, tmp_path: Path) -> None:
    study = trained("transfer")
    measured = {seed: ASKED.measure(study.runs(ASKED, seed)) for seed in (0, 1)}
    run = study.runs(ASKED)["autoencoder"]
    last = run.history.evaluations[-1].test["loss"].mean
    found = measured[0].typed(Numbers)
    assert found.test_images.squared_error.with_.mean() == pytest.approx(last, rel=1e-5)
    assert found.network["with"].weights > found.network["without"].weights
    finding = ASKED.answer(measured, study.setting(tmp_path))
    assert all((tmp_path / figure.file).exists() for figure in finding.figures)
    assert "over 2 seeds × 100 test images" in finding.numbers["with.squared-error"].interval


def test_images_without_labels_will_do(trained: Callable, tmp_path: Path) -> None:
    study = trained("transfer")
    runs = study.runs(ASKED)
    train, test = (Images(images.pixels[:12]) for images in study.images)
    found = ASKED.measure(Runs(0, train, test, {name: runs.draws(name) for name in ASKED.needs()}))
    assert "table/test-images/label" not in found.arrays
    finding = ASKED.answer({0: found}, setting(tmp_path))
    assert "12 test images" in finding.numbers["with.squared-error"].interval
