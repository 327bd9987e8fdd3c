"""Which latent size: the rule on fabricated numbers, what it refuses, and end to end."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tacit.images.dataset import Images
from tacit.questions.base import Runs
from tacit.questions.code_size.numbers import (
    Found,
    Numbers,
    Objectives,
    OfRun,
    Tables,
    Told,
    objectives,
)
from tacit.questions.code_size.question import CodeSize
from tacit.questions.code_size.words import decided_by, headline, sentences
from tacit.questions.shared.seeds import Seeds
from tacit.questions.typed import OfImages
from tacit.questions.verdicts import Verdict
from tacit.streams import numpy_stream
from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import builtin_names, study_text
from tacit.studies.description.reading import parse
from tacit.training.evaluation import evaluate

N = 400


def sizes(
    elbo: Mapping[int, float],
    *,
    seeds: int = 1,
    tolerance: float = 0.01,
    spread: float = 0.5,
    n: int = N,
    column: str = "elbo",
    told: Mapping[int, float] | None = None,
) -> Found:
    """Codes with these objectives, of which the mean training image has 0.

    Images differ by 10, and what an image is better with one code than another by `spread`.
    """
    rng = numpy_stream(0, "fabricated")
    images = 10 * numpy_stream(0, "images").standard_normal(n)
    own = {code: centred(spread * rng.standard_normal(n)) for code in elbo}
    measured = {}
    for seed in range(seeds):
        objectives, of, tells = {}, {}, {}
        for code, mean in elbo.items():
            name, noise = f"vae-{code}", centred(0.1 * spread * rng.standard_normal(n))
            values = mean + images + own[code] + noise
            if column == "elbo":
                objectives[name] = Objectives(elbo=values, kl=np.linspace(1, 2, n))
            else:
                objectives[name] = Objectives(squared_error=values)
            nothing = 0.0 if column == "elbo" else 100.0
            pictures = np.zeros((2, 1, 8, 8), np.float32)
            of[name] = OfRun(code, code // 2, 100 * code, nothing, mean, pictures)
            if told:
                right = (np.arange(n) < told[code] * n).astype(int)
                tells[name] = Told(right, right)
        classes = OfImages(np.arange(n), np.zeros(n, int), tells) if told else None
        tables = Tables(OfImages(np.arange(n), None, objectives), classes)
        measured[seed] = Numbers(of, np.zeros((2, 1, 8, 8), np.uint8), None, tables)
    runs = tuple(f"vae-{code}" for code in reversed(elbo))
    return Found(Seeds(measured), CodeSize(runs=runs, tolerance=tolerance), None)  # type: ignore[arg-type]


def centred(values: np.ndarray) -> np.ndarray:
    """With a mean of exactly zero over either half of the test images."""
    order = numpy_stream(0, "halves of the test images").permutation(len(values))
    for half in np.array_split(order, 2):
        if len(half):
            values[half] -= values[half].mean()
    return values


def said(found: Found) -> str:
    return " ".join(sentences(found))


@pytest.mark.parametrize("seeds", [1, 4])
def test_the_smallest_code_within_the_tolerance_is_enough(seeds: int) -> None:
    # Of 100 nats gained, one may be lost.
    found = sizes({2: 60, 4: 90, 8: 99.8, 16: 100, 32: 99.9}, seeds=seeds)
    assert (found.best, found.chosen) == ("vae-16", "vae-8")
    assert found.allowed == pytest.approx(1, rel=0.05)
    assert headline(found).headline.startswith("A code of 8 is enough; more dimensions")
    assert "Dimensions used: 4 of 8 and 16 of 32." in said(found)


def test_a_loss_beyond_the_tolerance_is_not_excused_by_noise() -> None:
    # Not distinguishable from the best, but more short of it than the one nat that may be lost.
    noisy = sizes({4: 97, 8: 100}, spread=20)
    short = noisy.shortfall("vae-4", "vae-8", noisy.choosing)
    assert not short.excludes_zero
    assert short.value is not None
    assert short.value > noisy.allowed
    assert noisy.chosen == noisy.best == "vae-8"
    assert sizes({4: 98, 8: 100}, spread=0.1).chosen == "vae-8"


def test_a_loss_that_is_certain_but_small_is_accepted() -> None:
    found = sizes({4: 99.5, 8: 100}, spread=0.1)
    assert found.shortfall("vae-4", "vae-8", found.choosing).excludes_zero
    assert found.chosen == "vae-4"
    assert sizes({4: 99.5, 8: 100}, spread=0.1, tolerance=0.001).chosen == "vae-8"


def test_the_ends_of_what_was_tried_are_named() -> None:
    rising = sizes({2: 60, 4: 80, 8: 100})
    assert headline(rising).verdict == Verdict.CANNOT_TELL
    assert "It is the largest that was tried: more than 8 may bring more." in said(rising)
    flat = sizes({2: 100, 4: 90, 8: 80})
    assert headline(flat).headline.startswith("A code of 2 is enough, the smallest tried")
    assert "With 8 one would lose 20." in said(flat)
    still = sizes({2: 60, 4: 99.2, 8: 99.6, 16: 100}, spread=0.1)
    assert headline(still).headline.startswith("A code of 4 is enough")
    assert "With 16 one would gain 0.8" in said(still)
    assert "the curve still rises there" in said(still)


def test_squared_errors_are_better_where_they_are_less() -> None:
    found = sizes({2: 40, 4: 10, 8: 9.9, 16: 9.8}, column="squared-error")
    assert (found.best, found.chosen) == ("vae-16", "vae-4")
    assert found.allowed == pytest.approx(0.9, rel=0.1)
    assert "Directions that hold 99 % of the variance: 2 of 4 and 8 of 16." in said(found)


@pytest.mark.parametrize(
    ("short", "spread", "enough"),
    [
        (0.90, 0.1, True),  # certain, and below what may be lost to the end of its interval
        (0.90, 2.0, False),  # certain, but its interval reaches beyond what may be lost
        (0.90, 20.0, True),  # cannot be told from none
        (1.10, 20.0, False),  # nor can this, but it is more than may be lost
    ],
)
def test_each_clause_of_enough(short: float, spread: float, enough: bool) -> None:
    """Of 100 nats gained, one may be lost."""
    found = sizes({4: 100 - short, 8: 100}, spread=spread)
    number = found.shortfall("vae-4", "vae-8", found.choosing)
    assert number.value == pytest.approx(short)
    assert found.allowed == pytest.approx(1, rel=0.05)
    if spread == 2.0:
        assert 0 < number.low < found.allowed < number.high
    assert (found.chosen == "vae-4") == enough


def test_no_image_is_reported_on_that_a_size_was_chosen_by() -> None:
    found = sizes({4: 90, 8: 100})
    assert not set(found.choosing) & set(found.reporting)
    assert len(found.choosing) + len(found.reporting) == N
    spoiled = found.seeds.first.table.test_images.of["vae-4"].compared
    spoiled[found.choosing] = -1e6
    before = sizes({4: 90, 8: 100}).numbers
    for name in ("vae-4.elbo", "vae-4.shortfall"):
        assert found.numbers[name] == before[name]
    assert f"chosen on {N // 2} test images" in decided_by(found)


def test_the_best_is_chosen_on_its_own_images() -> None:
    found = sizes({4: 90, 8: 100, 16: 90})
    values = found.seeds.first.table.test_images.of["vae-16"].compared
    values[found.choosing] += 11
    assert found.best == found.chosen == "vae-16"
    # Where numbers are reported it is the worse.
    shown = found.numbers
    assert shown["vae-16.elbo"].value < shown["vae-8.elbo"].value
    assert found.allowed == pytest.approx(1.01, rel=0.05)


def test_seeds_and_images_are_in_one_interval() -> None:
    def over(seeds: int) -> str:
        return sizes({4: 90, 8: 100}, seeds=seeds).numbers["vae-4.shortfall"].interval

    assert over(1) == "95 % over 200 test images, paired, given this seed"
    assert over(3) == "95 % over 3 seeds × 200 test images, paired"


def test_too_few_images_for_an_interval_leave_the_best() -> None:
    found = sizes({4: 99.9, 8: 100}, n=2)
    assert found.chosen == found.best
    assert sizes({4: 90, 8: 100}, n=1).chosen == "vae-8"


def test_classes_may_want_another_code() -> None:
    ours = said(sizes({4: 99.9, 8: 100}, told={4: 0.7, 8: 0.9}))
    assert "tells classes best from codes of 8: +20" in ours
    same = said(sizes({4: 99.9, 8: 100}, told={4: 0.9, 8: 0.9}))
    assert "no better from any other size" in same


def study(text: str) -> None:
    parse(f"title: Sizes\n{text}", "sizes.yaml")


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ("{learn: autoencoder, latent_dim: 8, epochs: 3}", "'a' and 'b' differ in epochs"),
        ("{learn: vae, latent_dim: 8}", "'a' and 'b' differ in learn"),
        ("{learn: autoencoder, latent_dim: 4}", "'a' and 'b' both have a code of 4"),
        ("{learn: classifier, latent_dim: 8}", "needed: 'autoencoder' or 'amortized vae'"),
        ("{learn: vae, latent_dim: 8, posterior: per-image}", "learns 'per-image vae'"),
    ],
)
def test_runs_that_differ_in_more_than_their_code_are_refused(other: str, error: str) -> None:
    runs = f"runs:\n  a: {{learn: autoencoder, latent_dim: 4}}\n  b: {other}\n"
    with pytest.raises(StudyError, match=error):
        study(f"{runs}questions:\n  - code-size: {{runs: [a, b]}}\n")


def test_arguments_are_checked() -> None:
    with pytest.raises(ValidationError, match="runs"):
        CodeSize(runs=("vae",))
    with pytest.raises(ValidationError, match="names 'vae' twice"):
        CodeSize(runs=("vae", "vae"))
    with pytest.raises(ValidationError, match="tolerance"):
        CodeSize(runs=("a", "b"), tolerance=0)


def test_it_is_asked_without_runs_that_are_missing() -> None:
    asked = CodeSize(runs=("a", "b", "c"))
    reduced = asked.without("b")
    assert reduced is not None
    assert reduced.runs == ("a", "c")
    assert reduced.without("a") is None


def test_the_built_in_study_asks_it() -> None:
    assert "code-size" in builtin_names()
    found, (question,) = parse(study_text("code-size")[1], "code-size")
    assert isinstance(question, CodeSize)
    assert sorted(run.latent_dim for run in found.runs.values()) == [2, 4, 8, 16, 32, 64]


@pytest.fixture(scope="module")
def trained_sizes(trained: Callable[[str], Any]) -> Any:
    return trained("code-size")


def test_measured_and_answered_on_digits(trained_sizes: Any, tmp_path: Path) -> None:
    asked = CodeSize(runs=("vae-2", "vae-8", "vae-4"))
    runs = trained_sizes.runs(asked)
    measured = {seed: asked.measure(trained_sizes.runs(asked, seed)) for seed in (0, 1)}
    again = asked.measure(trained_sizes.runs(asked))
    assert again.values == measured[0].values
    assert all(np.array_equal(again.arrays[k], v) for k, v in measured[0].arrays.items())
    # The ELBO is the one that was trained, but for the draws of z.
    saved = runs["vae-8"]
    table = measured[0].typed(Numbers).table
    ours = table.test_images.of["vae-8"].compared.mean()
    assert table.classes is not None
    assert set(table.classes.of) == set(asked.runs)
    theirs = evaluate(saved.model(), saved.objective, runs.test)["elbo"].double().numpy()
    assert ours == pytest.approx(theirs.mean(), abs=4 * theirs.std() / 10)
    for found in (measured, {0: measured[0]}):
        finding = asked.answer(found, trained_sizes.setting(tmp_path / str(len(found))))
        assert finding.key == "chosen-code"
        assert finding.numbers["chosen-code"].value in (2, 4, 8)
        assert [figure.kind for figure in finding.figures] == ["chart", "grid"]
        assert len(finding.tables[0].rows) == 3


def test_autoencoders_without_labels(trained: Callable[[str], Any], tmp_path: Path) -> None:
    transfer = trained("transfer")
    asked = CodeSize(runs=("autoencoder", "autoencoder-10"))
    runs = transfer.runs(asked)
    plain = Runs(
        0, Images(runs.train.pixels), Images(runs.test.pixels), {n: [runs[n]] for n in asked.runs}
    )
    found = asked.measure(plain)
    table = found.typed(Numbers).table
    assert table.classes is None
    column = table.test_images.of["autoencoder-10"].squared_error
    saved = runs["autoencoder-10"]
    trained_for = evaluate(saved.model(), saved.objective, runs.test)["loss"].numpy()
    assert np.allclose(column, trained_for, rtol=1e-4)
    finding = asked.answer({0: found}, transfer.setting(tmp_path))
    assert finding.key == "chosen-code"
    assert "linear probe" not in finding.answer


def test_binarised_images_are_the_same_for_every_size(trained_sizes: Any) -> None:
    from tacit.models.config import BernoulliTable

    asked = CodeSize(runs=("vae-2", "vae-4"))
    runs = trained_sizes.runs(asked)
    models = [runs[name].model() for name in asked.runs]
    for model in models:
        model.likelihood = BernoulliTable().build()
        for parameter in model.decoder.parameters():
            parameter.zero_()  # every pixel is decoded to one half, whatever the code
    rows = np.arange(8)
    for model in models:
        found = objectives(model, runs.test, rows, 0, "test")
        assert np.allclose(found.elbo + found.kl, -64 * np.log(2))
