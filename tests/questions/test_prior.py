"""N(0, I) for optimised codes: the three verdicts on fabricated numbers, and end to end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tacit.models.models import VAE
from tacit.questions.base import Measurement
from tacit.questions.generation.question import Generation
from tacit.questions.prior.numbers import Compared, prior_numbers
from tacit.questions.prior.question import Prior
from tacit.questions.prior.words import headline, words
from tacit.questions.shared.sample_quality import RIGHT
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


def compared(seeds: int = 1, network: str = NETWORK, **distances: Distances) -> Compared:
    """Models 'vae', 'wide' (started at sd 1) and 'narrow' (0.01), at these distances.

    Rows share a noise of 0.1 and each set has its own of 0.1, or 0.01 between seeds.
    """
    measured = {}
    for seed in range(seeds):
        rng = numpy_stream(seed, "fabricated")
        values: dict[str, float] = {
            "images a side": N,
            **{f"codes/{run}/updates": 1.0 for run in ("wide", "narrow")},
            "codes/wide/mean-std": 1.0,
            "codes/narrow/mean-std": 0.01,
            "codes/wide/start-share": 0.2,
            "codes/narrow/start-share": 0.0,
        }
        arrays: dict[str, Any] = {}
        rows = rng.normal(0, 0.1, N)
        sets = {"training images": 0.0}
        for run, (prior, mixture, own_codes) in distances.items():
            sets |= {f"{run}/prior": prior, f"{run}/gaussian": prior, f"{run}/mixture": mixture}
            sets |= {f"{run}/drawn": own_codes, f"{run}/reconstructions": own_codes}
        for name, value in sets.items():
            own = rng.normal(0, 0.1, N)
            arrays[f"{network}/{name}/influence"] = value + rows + own - (rows + own).mean()
            arrays[f"{network}/{name}/null"] = rng.normal(0, 0.01, 50)
            values[f"{network}/{name}"] = value + (seeds > 1) * rng.normal(0, 0.01)
        measured[seed] = Measurement(values, arrays)
    return Compared(measured, "vae", ("wide", "narrow"), None)


def said(comparison: Compared) -> str:
    return words(comparison, prior_numbers(comparison))


GOOD: Distances = (0.5, 0.1, 0.1)
"""N(0, I) costs 0.4, the mixture repairs it wholly."""


@pytest.mark.parametrize("seeds", [1, 4])
def test_the_prior_is_judged_by_what_it_costs_beyond_own_codes(seeds: int) -> None:
    def verdict(wide: Distances) -> str:
        return said(compared(seeds, vae=GOOD, wide=wide, narrow=GOOD)).split(":")[0]

    assert verdict((0.9, 0.1, 0.1)) == (
        "N(0, I) works less well for optimised codes than for an encoder's"
    )
    assert verdict((0.3, 0.1, 0.1)) == (
        "N(0, I) works better for optimised codes than for an encoder's"
    )
    assert verdict(GOOD).endswith("cannot be told")
    # A blurred decoder puts samples and own codes alike farther away: not the prior's doing.
    assert verdict((0.8, 0.4, 0.4)).endswith("but N(0, I) is not the reason")
    # One that makes the same of every code has no cost at all, which is no merit of the prior.
    assert verdict((0.9, 0.9, 0.9)).endswith("but N(0, I) is not the reason")


def test_a_worse_decoder_is_named_where_the_prior_is_not_to_blame() -> None:
    unfinished: Distances = (0.9, 0.9, 0.9)
    text = said(compared(vae=GOOD, wide=unfinished, narrow=GOOD))
    assert "The samples of 'wide' are farther from images (+0.40" in text
    assert "a low cost is no merit of the prior" in text
    assert "has nothing to repair in the samples of 'wide'" in text
    # What the start is blamed for is then the samples' distance.
    assert (
        "The initialisation was to blame: codes started at sd 0.01 in place of 1 change the "
        in text
    )
    assert "the distance of samples by -0.40" in text
    assert "no merit" not in said(compared(vae=GOOD, wide=(0.9, 0.1, 0.1), narrow=GOOD))


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_fit_repairs_wholly_in_part_not_at_all_or_makes_worse(seeds: int) -> None:
    def verdict(wide: Distances) -> str:
        return said(compared(seeds, vae=GOOD, wide=wide, narrow=GOOD))

    assert "as far as can be told wholly, the samples of 'vae', 'wide' and 'narrow'" in verdict(
        GOOD
    )
    assert "repairs in part the samples of 'wide'" in verdict((0.5, 0.3, 0.1))
    assert "changes nothing that can be told for 'wide'" in verdict((0.5, 0.5, 0.1))
    assert "makes worse the samples of 'wide'" in verdict((0.5, 0.8, 0.1))


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
    for m in found.measured.values():
        m.values["codes/narrow/updates"] = 5.0  # not the same number of updates: no fair pair
    assert found.other_starts == ()
    assert "no run starts from another spread" in said(found)


def test_random_features_that_say_otherwise_are_heard() -> None:
    first = compared(network="classifier", vae=GOOD, wide=GOOD, narrow=GOOD)
    second = compared(vae=GOOD, wide=(0.9, 0.1, 0.1), narrow=GOOD)
    (a,), (b,) = first.measured.values(), second.measured.values()
    both = Compared(
        {0: Measurement(a.values | b.values, a.arrays | b.arrays)}, "vae", ("wide", "narrow"), None
    )
    assert both.networks == ("classifier", "random")
    assert "A random network's features say otherwise on the prior of 'wide' (+0.40" in said(both)
    a.values.update({k.replace("classifier", "random"): v for k, v in a.values.items()})
    a.arrays.update({k.replace("classifier", "random"): v for k, v in a.arrays.items()})
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
        name = f"epoch/{epoch}"
        assert np.array_equal(arrays[f"shown/vae/{name}"], theirs[f"shown/{name}"])
        model = run.model(run.snapshots[epoch])
        assert isinstance(model, VAE)
        with torch.no_grad():
            slowly = torch.cat([model.decode(one[None]) for one in draws])
        assert arrays[f"shown/per-image/{name}"] == pytest.approx(slowly.numpy(), abs=1e-5)
    assert "shown/per-image-small/epoch/1" not in arrays


def test_a_classifier_that_knows_no_class_is_told_of(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    found = measured[0]
    for right, said in ((np.ones(100), False), (np.zeros(100), True)):
        known = {0: Measurement(found.values, found.arrays | {RIGHT: right})}
        caveats = ASKED.answer(known, study.setting(tmp_path / str(said))).caveats
        assert any("may know nothing of what is drawn" in caveat for caveat in caveats) == said


def test_few_images_have_fewer_components_and_an_answer(study: Any, tmp_path: Path) -> None:
    codes = numpy_stream(0, "codes").standard_normal((24, 5))
    draws = ASKED._draws(codes, 12, 0)  # 24 codes make two components, not ten
    assert {name: drawn.shape for name, drawn in draws.items()} == {
        "prior": (12, 5),
        "gaussian": (12, 5),
        "mixture": (12, 5),
    }
    assert ASKED._draws(np.zeros((24, 5)), 4, 0)["mixture"] == pytest.approx(0, abs=1e-3)


def test_models_share_the_noise_that_their_samples_are_made_of() -> None:
    rng = numpy_stream(0, "codes")
    first = ASKED._draws(rng.standard_normal((50, 4)), 9, 0)
    second = ASKED._draws(5 + rng.standard_normal((50, 4)), 9, 0)
    assert np.array_equal(first["prior"], second["prior"])
    correlation = np.corrcoef(first["gaussian"].ravel(), second["gaussian"].ravel() - 5)[0, 1]
    assert correlation > 0.5


def test_arguments_are_checked() -> None:
    with pytest.raises(ValidationError, match="per_image"):
        Prior(amortized="vae", per_image=())
    with pytest.raises(ValidationError, match="components"):
        Prior(amortized="vae", per_image=("per-image",), components=0)


def test_the_headline_names_the_run_that_it_is_about_and_who_had_not_finished() -> None:
    # As `Prior.answer` orders them: those whose training had finished come first.
    found = replace(
        compared(vae=GOOD, wide=(0.9, 0.1, 0.1), narrow=GOOD), per_image=("narrow", "wide")
    )
    said = headline(found, prior_numbers(found), ["wide"])
    assert said.key == "narrow.prior-cost-minus-vae"
    assert said.runs == ("vae", "narrow")
    assert said.headline.endswith("cannot be told; wide had not finished.")
    alone = headline(found, prior_numbers(found), ["narrow", "wide"])
    assert "had not finished" not in alone.headline
