"""Importance samples held to annealing: the same images, decided both ways, said as it is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tacit.evidence.exact import LinearGaussian
from tacit.images.dataset import Images
from tacit.questions.base import Runs
from tacit.questions.log_probability.annealing.measuring import (
    Checks,
    Estimate,
    Simulated,
)
from tacit.questions.log_probability.annealing.numbers import Relations
from tacit.questions.log_probability.annealing.words import sentences
from tacit.questions.log_probability.numbers import Numbers
from tacit.questions.log_probability.question import LogProbability
from tacit.questions.shared.seeds import Seeds
from tacit.questions.typed import OfImages

SMALL = {
    "samples": 60,
    "per_class": 3,
    "shown_per_class": 1,
    "methods": ["importance", "annealed"],
    "annealed_images": 5,
    "distributions": [2, 4],
    "long_images": 2,
    "resampled_images": 8,
    "simulated_images": 4,
}


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


@pytest.mark.parametrize("run", ["vae", "per-image"])
def test_the_same_images_are_scored_by_every_method(study: Any, run: str, tmp_path: Path) -> None:
    asked = LogProbability.model_validate({"run": run, **SMALL})
    found = asked.measure(study.runs(asked))
    arrays = found.arrays
    place = {int(index): i for i, index in enumerate(arrays["table/test/index"])}
    resampled = arrays["table/resampled/index"]
    assert len(set(resampled.tolist())) == 8
    assert np.array_equal(resampled[:5], arrays["table/annealed/index"])
    assert np.array_equal(resampled[:2], arrays["table/annealed-long/index"])
    few = arrays["table/resampled/importance-60.log-prob"]
    own = arrays["table/test/log-prob"][[place[i] for i in resampled.tolist()]]
    assert np.array_equal(few, own)
    best = "encoder" if run == "vae" else "refined"
    # Other estimates of the same numbers, which differ from image to image by far more.
    for column in (f"{best}-4", f"{best}-2"):
        other = arrays[f"table/annealed/{column}.log-prob"]
        assert np.corrcoef(other, few[:5])[0, 1] > 0.9
    assert "table/annealed/prior-4.log-prob" in arrays
    assert len(arrays[f"table/annealed-long/{best}-40.log-prob"]) == 2
    # Bounds in expectation: of four images they may cross by chance.
    assert arrays["table/simulated/upper"].mean() > arrays["table/simulated/lower"].mean() - 0.2
    assert "table/test/annealed" not in arrays  # what is checked are importance samples
    finding = asked.answer({0: found}, study.setting(tmp_path))
    assert "images that the model itself made" in finding.answer
    *_, table = finding.tables
    assert len(table.rows) == 8
    assert all(row[3] for row in table.rows if "simulated" in str(row[0]))
    where = "the encoder" if run == "vae" else "refined posteriors"
    assert f"annealing from {where}, 40 - 4 distributions" in [row[0] for row in table.rows]


def test_without_annealing_nothing_is_annealed(study: Any) -> None:
    asked = LogProbability(run="vae", samples=20, per_class=2, shown_per_class=1)
    arrays = asked.measure(study.runs(asked)).arrays
    assert {name.split("/")[1] for name in arrays if name.startswith("table/")} == {
        *("train", "test", "by-encoder-train", "by-encoder-test")
    }


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"methods": ["annealed"]}, r"methods are \['annealed'\]"),
        ({"methods": ["importance", "importance"]}, "methods are"),
        ({"methods": ["exact"]}, "importance"),
        ({"distributions": [1000, 100]}, r"distributions are \[1000, 100\]"),
        ({"distributions": []}, r"distributions are \[\]"),
    ],
)
def test_faults_are_refused(error: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LogProbability.model_validate({"run": "vae"} | error)


class Fixed:
    """A run whose model is given."""

    train_index = None

    def __init__(self, model: LinearGaussian) -> None:
        self._model = model

    def model_as(self, kind: type) -> LinearGaussian:
        assert issubclass(LinearGaussian, kind)
        return self._model


def test_with_two_latent_dimensions_the_truth_stands_beside_them() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = 0.1 * torch.randn(64, 2, generator=generator, dtype=torch.float64)
    model = LinearGaussian(weight, torch.full((64,), 0.5), 0.15, (1, 8, 8))
    x = model.simulate(40, generator).clamp(0, 1)
    images = Images((x * 255).round().to(torch.uint8).numpy())
    asked = LogProbability.model_validate({"run": "linear", **SMALL})
    found = asked.measure(Runs(0, images, images, {"linear": [Fixed(model)]}))  # type: ignore[list-item]
    pixels = images.pixels[found.arrays["table/resampled/index"]]
    truth = model.log_prob(torch.from_numpy(pixels).double() / 255).log_prob
    exact = found.arrays["table/resampled/exact.log-prob"]
    np.testing.assert_allclose(exact, truth, atol=1e-3)
    numbers = Relations(Seeds({0: found.typed(Numbers).checks}), asked).numbers()
    assert numbers["importance-600-minus-exact.log-prob"].value == pytest.approx(0, abs=0.05)
    assert numbers["flag.false-alarms"].n > 20


def fabricated(
    *,
    annealed_lead: float,
    spread: float = 0.5,
    gap: float = 1.0,
    seeds: int = 1,
    seed_lead: Sequence[float] = (0.0,),
    flagged: int = 0,
    long: int = 0,
) -> Relations:
    """20 images annealed, 40 resampled, whose log p(x) differ from image to image by 25 nats."""
    measured = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        true = np.random.default_rng(99).normal(400, 25, 40)
        lead = annealed_lead + seed_lead[seed % len(seed_lead)]
        resampled = {
            "importance-1000": estimate(true),
            "importance-10000": estimate(true + 0.25 * lead),
        }
        lower = rng.normal(400, 25, 10)
        simulated = Simulated(lower, lower + gap + rng.normal(0, 0.1, 10), np.zeros(10, int))
        annealed = {}
        for start in ("encoder", "prior"):
            for t, more in ((100, -0.1), (1000, 0.0)):
                noise = rng.normal(0, spread, 20)
                annealed[f"{start}-{t}"] = estimate(true[:20] + lead + more + noise, flagged)
        longest = {"encoder-10000": estimate(true[:long] + lead + 0.5)}
        measured[seed] = Checks(
            OfImages(np.arange(40), None, resampled),
            OfImages(np.arange(20), None, annealed),
            OfImages(np.arange(long), None, longest) if long else None,
            simulated,
        )
    return Relations(Seeds(measured), LogProbability(run="vae", long_images=long))


def estimate(log_prob: np.ndarray, flagged: int = 0) -> Estimate:
    n = len(log_prob)
    return Estimate(log_prob, np.full(n, 0.1), 1 * (np.arange(n) < flagged))


def said_of(relations: Relations) -> str:
    return " ".join(sentences(relations))


def test_importance_samples_that_miss_are_called_low() -> None:
    said = said_of(fabricated(annealed_lead=4.0, spread=0.05))
    assert "from the encoder, on 20 test images, finds 4.0" in said
    assert "more than 1,000 importance samples, which are low by at least that much" in said
    assert "10,000 samples leave +3.0" in said


def test_annealing_that_falls_short_is_no_check() -> None:
    said = said_of(fabricated(annealed_lead=-4.0))
    assert "less than 1,000 importance samples: annealing is the looser bound here" in said


def test_no_difference_is_not_distinguishable() -> None:
    relations = fabricated(annealed_lead=0.05)
    assert "1,000 importance samples are not distinguishable" in said_of(relations)
    number = relations.all()[0].number
    assert number.interval == "95 % over 20 test images, paired, given this seed"
    # Between images log p(x) spreads by 25 nats; differences are of the same image.
    assert (number.high or 0) - (number.low or 0) < 1


def test_the_gap_of_both_bounds_is_over_simulated_images() -> None:
    number = fabricated(annealed_lead=0, gap=1.5).gap()
    assert number.value == pytest.approx(1.5, abs=0.1)
    assert number.n == 10
    assert "10 simulated images" in number.interval


def test_seeds_that_disagree_leave_it_undecided() -> None:
    relations = fabricated(annealed_lead=4.0, seeds=3, seed_lead=(-8.0, 0.0, 8.0))
    assert "not distinguishable" in said_of(relations)
    assert "3 seeds" in relations.all()[0].number.interval
    assert "3 seeds" in relations.gap().interval


def test_flags_are_counted_not_averaged_away() -> None:
    relations = fabricated(annealed_lead=4.0, flagged=3)
    found = relations.numbers()["annealed.flagged"]
    assert (found.value, found.n) == (pytest.approx(0.15), 80)


def test_more_distributions_on_fewer_images_are_compared_on_these() -> None:
    (long,) = [
        r
        for r in fabricated(annealed_lead=1, spread=0.1, long=6).all()
        if "10,000 and" in r.published
    ]
    assert long.number.n == 6
    assert long.number.value == pytest.approx(0.5, abs=0.15)


def test_flags_are_held_to_the_truth_where_there_is_one() -> None:
    relations = fabricated(annealed_lead=4.0, spread=0.05, flagged=5)
    assert relations.alarms() == {}
    by = relations.seeds.first.resampled.of
    by["exact"] = estimate(by["importance-1000"].log_prob + 4.0)
    by["importance-1000"] = estimate(by["importance-1000"].log_prob, 30)
    # All importance samples err by nats; annealing by a tenth, or hardly: 5 of 20 flagged each.
    alarms = relations.alarms()
    assert (alarms["flag.sensitivity"].value, alarms["flag.sensitivity"].n) == (30 / 80, 80)
    assert (alarms["flag.false-alarms"].value, alarms["flag.false-alarms"].n) == (20 / 80, 80)
    assert "37.5 % of 80 estimates that err by more than 0.5 nats" in said_of(relations)
    numbers = relations.numbers()
    assert numbers["importance-1000-minus-exact.log-prob"].value == pytest.approx(-4)
    assert numbers["encoder-1000-minus-exact.log-prob"].value == pytest.approx(0, abs=0.05)
