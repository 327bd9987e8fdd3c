"""N(0, I) for optimised codes: the three verdicts on fabricated numbers, and end to end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tacit.models.models import VAE
from tacit.questions.base import Measurement
from tacit.questions.generation.question import Generation
from tacit.questions.prior.numbers import (
    Found,
    Numbers,
    OfRun,
    Start,
    draws,
    named,
)
from tacit.questions.prior.question import Prior
from tacit.questions.prior.words import headline, prior_verdict, sentences
from tacit.questions.shared.codes import OfCodes
from tacit.questions.shared.sample_quality import TRAINING, Distance, Quality
from tacit.questions.shared.seeds import Seeds
from tacit.streams import numpy_stream, torch_stream

NETWORK, N = "random", 200
ASKED = Prior(
    amortized="vae",
    per_image=("per-image", "per-image-small"),
    autoencoder="autoencoder",
    classifier="classifier",
)

Distances = tuple[float, float, float]
"""Of samples from N(0, I), of samples from the mixture, and of the model's own codes."""


def compared(seeds: int = 1, network: str = NETWORK, **distances: Distances) -> Found:
    """Models 'vae', 'wide' (started at sd 1) and 'narrow' (0.01), at these distances.

    Rows share a noise of 0.1 and each set has its own of 0.1, or 0.01 between seeds.
    """
    starts = {"wide": Start(1.0, 1), "narrow": Start(0.01, 1)}
    shares = {"wide": 0.2, "narrow": 0.0}
    measured = {}
    for seed in range(seeds):
        rng = numpy_stream(seed, "fabricated")
        rows = rng.normal(0, 0.1, N)
        sets = {TRAINING: 0.0}
        for run, (prior, mixture, own_codes) in distances.items():
            each = {"prior": prior, "gaussian": prior, "mixture": mixture}
            each |= {"drawn": own_codes, "reconstructions": own_codes}
            sets |= {named(run, what): value for what, value in each.items()}
        found = {}
        for name, value in sets.items():
            own = rng.normal(0, 0.1, N)
            influence = value + rows + own - (rows + own).mean()
            found[name] = Distance(influence, rng.normal(0, 0.01, 50), 1.0)
        codes = {run: OfCodes(np.ones(2), None, None, shares.get(run)) for run in distances}
        of = {run: OfRun(one, starts.get(run), {}, {}) for run, one in codes.items()}
        measured[seed] = Numbers(Quality(N, {network: found}, None), of)
    asked = Prior(amortized="vae", per_image=("wide", "narrow"))
    return Found(Seeds(measured), asked, SimpleNamespace(unfinished=()))  # type: ignore[arg-type]


def said(comparison: Found) -> str:
    return " ".join(sentences(comparison))


GOOD: Distances = (0.5, 0.1, 0.1)
"""N(0, I) costs 0.4, the mixture repairs it wholly."""


@pytest.mark.parametrize("seeds", [1, 4])
def test_the_prior_is_judged_by_what_it_costs_beyond_own_codes(seeds: int) -> None:
    def verdict(wide: Distances) -> str:
        found = compared(seeds, vae=GOOD, wide=wide, narrow=GOOD)
        return prior_verdict(found)

    assert verdict((0.9, 0.1, 0.1)) == "worse"
    assert verdict((0.3, 0.1, 0.1)) == "better"
    assert verdict(GOOD) == "open"
    # A blurred decoder puts samples and own codes alike farther away: not the prior's doing.
    assert verdict((0.8, 0.4, 0.4)) == "not the prior"
    # One that makes the same of every code has no cost at all, which is no merit of the prior.
    assert verdict((0.9, 0.9, 0.9)) == "not the prior"


def test_where_the_prior_is_not_to_blame_the_start_is_blamed_for_the_samples() -> None:
    text = said(compared(vae=GOOD, wide=(0.9, 0.9, 0.9), narrow=GOOD))
    assert "has nothing to repair in the samples of 'wide'" in text
    # What the start is blamed for is then the samples' distance.
    assert (
        "The initialisation was to blame: codes started at sd 0.01 in place of 1 change the "
        in text
    )
    assert "the distance of samples by -0.40" in text


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_fit_repairs_wholly_in_part_not_at_all_or_makes_worse(seeds: int) -> None:
    def verdict(wide: Distances) -> str:
        return said(compared(seeds, vae=GOOD, wide=wide, narrow=GOOD))

    whole = "repairs wholly, as far as can be told, those of 'vae', 'wide' and 'narrow'"
    assert whole in verdict(GOOD)
    assert "repairs in part those of 'wide'" in verdict((0.5, 0.3, 0.1))
    assert "changes nothing that can be told in those of 'wide'" in verdict((0.5, 0.5, 0.1))
    assert "makes worse those of 'wide'" in verdict((0.5, 0.8, 0.1))


def test_the_initialisation_is_blamed_for_what_another_start_takes_away() -> None:
    worse: Distances = (0.9, 0.1, 0.1)
    half: Distances = (0.7, 0.1, 0.1)

    def verdict(wide: Distances, narrow: Distances) -> str:
        return said(compared(vae=GOOD, wide=wide, narrow=narrow))

    assert "The initialisation was to blame: codes started at sd 0.01" in verdict(worse, GOOD)
    assert "change the cost by -0.40" in verdict(worse, GOOD)
    assert "20.0 % of the variance of codes is still" in verdict(worse, GOOD)
    assert "The initialisation was to blame, in part: " in verdict(worse, half)
    assert "That the initialisation was to blame cannot be told" in verdict(worse, worse)
    assert "not to blame, rather the reverse" in verdict(GOOD, worse)
    assert "nothing to blame on the initialisation" in verdict(GOOD, GOOD)


def test_without_another_start_the_initialisation_is_left_open() -> None:
    found = compared(vae=GOOD, wide=GOOD, narrow=GOOD)
    of = found.seeds.first.run
    of["narrow"] = replace(of["narrow"], start=Start(0.01, 5))  # not as many updates: no fair pair
    assert found.other_starts == ()
    assert "no run starts from another spread" in said(found)


def test_random_features_that_say_otherwise_are_heard() -> None:
    first = compared(network="classifier", vae=GOOD, wide=GOOD, narrow=GOOD)
    second = compared(vae=GOOD, wide=(0.9, 0.1, 0.1), narrow=GOOD)
    own, others = (one.quality.first.distance for one in (first, second))
    own["random"] = others["random"]
    assert first.quality.networks == ("classifier", "random")
    assert "A random network's features say otherwise on the prior of 'wide' (+0.40" in said(first)
    own["random"] = own["classifier"]
    assert said(first).endswith("A random network's features agree.")


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


@pytest.fixture(scope="module")
def measured(study: Any) -> dict[int, Measurement]:
    return {seed: ASKED.measure(study.runs(ASKED, seed)) for seed in (0, 1)}


def test_measured_and_answered_on_digits(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    again = ASKED.measure(study.runs(ASKED))
    assert again.values == measured[0].values
    assert all(np.array_equal(again.arrays[k], v) for k, v in measured[0].arrays.items())
    one = ASKED.answer({0: measured[0]}, study.setting(tmp_path / "one"))
    two = ASKED.answer(measured, study.setting(tmp_path / "two"))
    key = "per-image.prior-cost-minus-vae"
    assert one.key == key
    assert next(iter(one.numbers)) == key
    assert one.numbers[key].interval == "95 % over 100 images a side, paired, given this seed"
    assert two.numbers[key].interval == "95 % over 2 seeds × 100 images a side, paired"
    assert one.numbers["per-image.share-of-start"].value == pytest.approx(1, abs=0.05)
    # An autoencoder's codes are nothing like N(0, I), whatever else two epochs taught.
    assert two.numbers["autoencoder.prior-cost"].value is not None
    assert [figure.kind for figure in one.figures] == ["grid", "grid", "chart"]
    assert all((tmp_path / "one" / figure.file).stat().st_size for figure in one.figures)
    assert len(one.tables) == 3


def test_samples_by_epoch_are_of_the_same_latent_draws_for_all_models(
    study: Any, measured: dict[int, Measurement]
) -> None:
    generation = Generation(run="vae", classifier="classifier")
    theirs = generation.measure(study.runs(generation)).arrays
    arrays, run = measured[0].arrays, study.runs(ASKED)["per-image"]
    z = torch_stream(0, "samples")
    draws = torch.randn((100, 200), generator=z)[:10]
    for epoch in (1, 2):
        assert np.array_equal(arrays[f"run/vae/epoch/{epoch}"], theirs[f"shown/epoch/{epoch}"])
        model = run.model(run.snapshots[epoch])
        assert isinstance(model, VAE)
        with torch.no_grad():
            slowly = torch.cat([model.decode(one[None]) for one in draws])
        assert arrays[f"run/per-image/epoch/{epoch}"] == pytest.approx(slowly.numpy(), abs=1e-5)
    assert "run/per-image-small/epoch/1" not in arrays


def test_a_classifier_that_knows_no_class_is_told_of(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    found = measured[0]
    for right, said in ((np.ones(100), False), (np.zeros(100), True)):
        known = {0: Measurement(found.values, found.arrays | {"quality/examined/right": right})}
        caveats = ASKED.answer(known, study.setting(tmp_path / str(said))).caveats
        assert any("may know nothing of what is drawn" in caveat for caveat in caveats) == said


def test_few_images_have_fewer_components_and_an_answer(study: Any, tmp_path: Path) -> None:
    codes = numpy_stream(0, "codes").standard_normal((24, 5))
    found = draws(codes, 12, 0, 10)  # 24 codes make two components, not ten
    assert {name: drawn.shape for name, drawn in found.items()} == {
        "prior": (12, 5),
        "gaussian": (12, 5),
        "mixture": (12, 5),
    }
    assert draws(np.zeros((24, 5)), 4, 0, 10)["mixture"] == pytest.approx(0, abs=1e-3)


def test_models_share_the_noise_that_their_samples_are_made_of() -> None:
    rng = numpy_stream(0, "codes")
    first = draws(rng.standard_normal((50, 4)), 9, 0, 10)
    second = draws(5 + rng.standard_normal((50, 4)), 9, 0, 10)
    assert np.array_equal(first["prior"], second["prior"])
    correlation = np.corrcoef(first["gaussian"].ravel(), second["gaussian"].ravel() - 5)[0, 1]
    assert correlation > 0.5


def test_arguments_are_checked() -> None:
    with pytest.raises(ValidationError, match="per_image"):
        Prior(amortized="vae", per_image=())
    with pytest.raises(ValidationError, match="components"):
        Prior(amortized="vae", per_image=("per-image",), components=0)


def test_the_headline_names_the_run_that_it_is_about_and_who_had_not_finished() -> None:
    found = compared(vae=GOOD, wide=(0.9, 0.1, 0.1), narrow=GOOD)
    said = headline(replace(found, setting=SimpleNamespace(unfinished=["wide"])))
    assert said.key == "narrow.prior-cost-minus-vae"
    assert said.runs == ("vae", "narrow")
    assert said.headline.endswith("cannot be told; wide had not finished.")
    alone = headline(replace(found, setting=SimpleNamespace(unfinished=["narrow", "wide"])))
    assert "had not finished" not in alone.headline


def test_it_is_asked_without_one_of_several_runs_but_not_without_the_only_one() -> None:
    asked = Prior(amortized="vae", per_image=("wide", "narrow"))
    fewer = asked.without("wide")
    assert fewer == Prior(amortized="vae", per_image=("narrow",))
    assert fewer.without("narrow") is None
    assert asked.without("vae") is None
