"""Whether the middle linear layer helps: both verdicts, and end to end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tacit.figures.sink import Figures
from tacit.images.dataset import Images
from tacit.measures.intervals import mean_t
from tacit.questions.base import Measurement, Runs, Setting
from tacit.questions.linear_layers.question import TABLE, LinearLayers
from tacit.streams import numpy_stream

ASKED = LinearLayers(with_layer="autoencoder", without_layer="autoencoder-no-linear")


def setting(folder: Path) -> Setting:
    return Setting("asked", Figures(folder), (), 160, 100, (1, 8, 8), "digits")


def fabricated(ratio: float, seeds: int = 1, code: int = 16) -> dict[int, Measurement]:
    """Errors that differ tenfold between images, and by `ratio` between the two networks."""
    measured = {}
    for seed in range(seeds):
        rng = numpy_stream(seed, "fabricated")
        images = np.exp(rng.normal(size=100))
        arrays = {f"{TABLE}/index": np.arange(100)}
        values = {}
        for way, factor in (("with", ratio), ("without", 1.0)):
            arrays[f"{TABLE}/squared-error.{way}"] = (
                images * factor * np.exp(0.05 * rng.normal(size=100) + 0.005 * rng.normal())
            )
            arrays[f"curve.{way}"] = np.array([np.arange(20) + 1, 1 / (np.arange(20) + 1)])
            values |= {f"{way}.train": 1.0, f"{way}.weights": 1000.0, f"{way}.code": 16.0}
        for name in ("original", "with", "without"):
            arrays[f"pictures.{name}"] = np.zeros((3, 1, 8, 8))
        values["without.code"] = float(code)
        measured[seed] = Measurement(values, arrays)
    return measured


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.8, "The middle linear layer earns its place"),
        (1.25, "The middle linear layer does not earn its place"),
        (1.0, "Whether the middle linear layer helps is not distinguishable"),
    ],
)
def test_the_verdict_follows_the_paired_interval(
    ratio: float, said: str, seeds: int, tmp_path: Path
) -> None:
    finding = ASKED.answer(fabricated(ratio, seeds), setting(tmp_path))
    assert finding.answer.startswith(said)


def test_seeds_are_paired(tmp_path: Path) -> None:
    measured = fabricated(0.9, seeds=3)
    finding = ASKED.answer(measured, setting(tmp_path))
    differences = [
        float(
            np.mean(
                m.arrays[f"{TABLE}/squared-error.with"] - m.arrays[f"{TABLE}/squared-error.without"]
            )
        )
        for m in measured.values()
    ]
    number, by_hand = finding.numbers["with-minus-without.squared-error"], mean_t(differences)
    assert number.n == 3
    assert np.allclose([number.value, number.low], [by_hand.value, by_hand.low])
    assert "given these two" not in finding.answer


def test_codes_of_different_size_are_cautioned_against(tmp_path: Path) -> None:
    assert "codes differ" not in ASKED.answer(fabricated(1), setting(tmp_path / "a")).caveats[0]
    finding = ASKED.answer(fabricated(1, code=10), setting(tmp_path / "b"))
    assert "The codes differ in size, 16 and 10" in finding.caveats[0]


def test_end_to_end(trained: Callable, tmp_path: Path) -> None:
    study = trained("transfer")
    measured = {seed: ASKED.measure(study.runs(ASKED, seed)) for seed in (0, 1)}
    run = study.runs(ASKED)["autoencoder"]
    last = run.history.evaluations[-1].test["loss"].mean
    errors = measured[0].arrays[f"{TABLE}/squared-error.with"]
    assert errors.mean() == pytest.approx(last, rel=1e-5)
    weights = [measured[0].values[f"{way}.weights"] for way in ("with", "without")]
    assert weights[0] > weights[1]
    finding = ASKED.answer(measured, study.setting(tmp_path))
    assert all((tmp_path / figure.file).exists() for figure in finding.figures)
    assert "paired over 2 seeds" in finding.answer


def test_images_without_labels_will_do(trained: Callable, tmp_path: Path) -> None:
    study = trained("transfer")
    runs = study.runs(ASKED)
    train, test = (Images(images.pixels[:12]) for images in study.images)
    found = ASKED.measure(Runs(0, train, test, {name: runs.draws(name) for name in ASKED.needs()}))
    assert f"{TABLE}/label" not in found.arrays
    finding = ASKED.answer({0: found}, setting(tmp_path))
    # Twelve images are too few to resample, and the answer says so.
    assert "is undecided" in finding.answer
    assert "too few to resample" in finding.answer
