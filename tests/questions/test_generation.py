"""What a VAE generates: measured end to end, and said as the numbers say."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tacit.images.dataset import UNLABELLED, Images
from tacit.measures.number import Number
from tacit.questions.base import Measurement, Runs
from tacit.questions.finding import Finding
from tacit.questions.generation.question import Generation
from tacit.questions.generation.words import headline, sentences
from tacit.questions.shared.codes import decoded
from tacit.streams import torch_stream

ASKED = Generation(run="vae", classifier="classifier")
RIGHT = "quality/examined/right"


@pytest.fixture(scope="module")
def study(trained: Callable[[str], Any]) -> Any:
    return trained("inference")


@pytest.fixture(scope="module")
def measured(study: Any) -> dict[int, Measurement]:
    return {seed: ASKED.measure(study.runs(ASKED, seed)) for seed in (0, 1)}


def test_measuring_twice_gives_the_same_to_the_bit(
    study: Any, measured: dict[int, Measurement]
) -> None:
    torch.rand(5)
    np.random.random(5)  # noqa: NPY002  # the global generators must not matter
    again = ASKED.measure(study.runs(ASKED))
    assert again.values == measured[0].values
    assert all(np.array_equal(again.arrays[k], v) for k, v in measured[0].arrays.items())


def test_every_snapshot_decodes_the_same_draws_with_its_own_decoder(
    study: Any, measured: dict[int, Measurement]
) -> None:
    arrays, run = measured[0].arrays, study.runs(ASKED)["vae"]
    assert set(run.snapshots) == {1, 2}
    z = run.model().draw_prior(100, torch_stream(0, "samples"))[:10]
    for epoch, update in run.snapshots.items():
        wanted = decoded(run.model(update), z)
        assert np.allclose(arrays[f"shown/epoch/{epoch}"], wanted, atol=1e-6)
    assert np.allclose(arrays["shown/epoch/2"], arrays["shown/final"], atol=1e-6)
    assert not np.allclose(arrays["shown/epoch/1"], arrays["shown/final"], atol=1e-3)


def test_each_sample_stands_beside_its_nearest_training_image(
    study: Any, measured: dict[int, Measurement]
) -> None:
    arrays, train = measured[0].arrays, study.images.train.scaled()
    sample = arrays["shown/final"][3]
    far = np.sqrt(((train - sample) ** 2).sum(axis=(1, 2, 3)))  # slowly, one by one
    assert arrays["table/samples/nearest-training-image"][3] == far.argmin()
    assert arrays["table/samples/distance"][3] == pytest.approx(far.min(), rel=1e-5)
    assert np.array_equal(arrays["shown/nearest"][3], train[far.argmin()])


def answer(measured: dict[int, Measurement], study: Any, folder: Path) -> Finding:
    return ASKED.answer(measured, study.setting(folder, "generation-2"))


def test_the_answer_of_one_seed_and_of_two(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    one = answer({0: measured[0]}, study, tmp_path / "one")
    two = answer(measured, study, tmp_path / "two")
    assert one.question == "generation-2"
    assert len(one.numbers) <= 30
    key = "classifier.samples-minus-drawn-codes"
    assert one.key == "classifier.samples"
    assert one.numbers[key].interval == "95 % over 100 images a side, paired, given this seed"
    assert two.numbers[key].interval == "95 % over 2 seeds × 100 images a side, paired"
    assert any("one seed" in caveat for caveat in one.caveats)
    assert not any("one seed" in caveat for caveat in two.caveats)
    assert one.numbers["codes.ln-n"].value == pytest.approx(np.log(160))
    # A model of two epochs makes no digits: both floors lie below its samples.
    samples, floor = (one.numbers[f"classifier.{k}"].value for k in ("samples", "training-images"))
    assert samples is not None
    assert floor is not None
    assert samples > floor
    for figure in (*one.figures, *two.figures):
        assert figure.name.startswith("generation-2-")
    for finding, folder in ((one, "one"), (two, "two")):
        assert all((tmp_path / folder / figure.file).stat().st_size for figure in finding.figures)


def test_a_classifier_that_knows_no_class_is_told_of(
    study: Any, measured: dict[int, Measurement], tmp_path: Path
) -> None:
    found, runs = measured[0], study.runs(ASKED)
    model, labels = runs["classifier"].model(), study.images.test.labels
    with torch.no_grad():
        answered = model(torch.from_numpy(study.images.test.scaled())).argmax(dim=1).numpy()
    assert np.array_equal(found.arrays[RIGHT], answered == labels)
    most = np.bincount(study.images.train.labels).argmax()
    assert found.values["quality/examined/blind"] == np.mean(labels == most)
    for right, said in ((np.ones(100), False), (np.zeros(100), True)):
        known = Measurement(found.values, found.arrays | {RIGHT: right})
        caveats = answer({0: known}, study, tmp_path / str(said)).caveats
        assert any("may know nothing of what is drawn" in caveat for caveat in caveats) == said


def test_test_images_without_a_label_say_nothing_of_the_classifier(study: Any) -> None:
    runs = study.runs(ASKED)
    unlabelled = Images(runs.test.pixels[:20], np.full(20, UNLABELLED), runs.test.class_names)
    few = Runs(0, runs.train, unlabelled, {name: runs.draws(name) for name in ASKED.needs()})
    assert RIGHT not in ASKED.measure(few).arrays


def test_without_labels_a_random_network_is_left(study: Any, tmp_path: Path) -> None:
    question = ASKED.without("classifier")
    assert question is not None
    finding = question.answer({0: question.measure(study.runs(question))}, study.setting(tmp_path))
    assert finding.runs == ("vae",)
    assert finding.key == "random.samples"
    assert not any(name.startswith("classifier") for name in finding.numbers)


def test_two_test_images_leave_the_distance_undefined_and_the_rest_said(
    study: Any, tmp_path: Path
) -> None:
    runs = study.runs(ASKED)
    few = Runs(0, runs.train, runs.test.take([0, 1]), {n: runs.draws(n) for n in ASKED.needs()})
    finding = ASKED.answer({0: ASKED.measure(few)}, study.setting(tmp_path))
    assert "needs 3" in finding.answer
    assert finding.numbers["codes.active-units"].value is not None


def numbers(
    gap: float,
    *,
    p: float = 0.005,
    nearer: float = 0.3,
    beyond: float = 1.0,
    network: str = "random",
) -> dict[str, Number]:
    """Numbers with an interval of ± 0.1 around the samples' distance above drawn codes."""

    def around(value: float) -> Number:
        return Number(value, value - 0.1, value + 0.1, 100)

    return {
        f"{network}.samples-minus-drawn-codes": around(gap),
        f"{network}.p": Number(p),
        "nearest.samples-minus-test-images": around(nearer),
        "codes.aggregate-kl-beyond-null": Number(beyond),
    }


def found_of(numbers: dict[str, Number], *networks: str) -> Any:
    """What was found, as far as words look at it."""
    return SimpleNamespace(
        asked=ASKED, numbers=numbers, quality=SimpleNamespace(networks=networks or ("random",))
    )


def said(found: dict[str, Number], *networks: str) -> str:
    return " ".join(sentences(found_of(found, *networks)))


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (0.5, "Drawing codes from N(0, I) and not from training images' own posteriors costs 0.50"),
        (-0.2, "nearer to images than training images' own, by 0.20 (0.10 to 0.30)"),
        (0.05, "not distinguishable from nothing (+0.05 (-0.05 to 0.15))"),
    ],
)
def test_the_words_follow_the_interval_of_the_difference(gap: float, words: str) -> None:
    assert words in said(numbers(gap))


def test_the_words_follow_the_permutation_test_and_the_nearest_images() -> None:
    def verdict(p: float, gap: float = 0.5) -> str:
        return headline(found_of(numbers(gap, p=p))).headline

    assert verdict(0.049).endswith("told from images, and drawing from the prior is a part of it.")
    assert "cannot be told" in verdict(0.05)
    assert "the prior is not shown to be the reason" in verdict(0.005, gap=0.05)
    assert "no copies" in said(numbers(0.5))
    assert "Samples lie nearer" in said(numbers(0.5, nearer=-0.3))
    assert "nearest training image" not in said(numbers(0.5, nearer=0.05))


def test_networks_that_disagree_are_said_to() -> None:
    table = numbers(0.5)
    both = "classifier", "random"
    assert "A random network's features do not agree (+0.50" in said(
        table | numbers(0.05, network="classifier"), *both
    )
    assert "A random network's features agree" in said(
        table | numbers(0.4, network="classifier"), *both
    )


def test_a_distance_of_all_codes_is_said_only_beyond_what_the_prior_leaves() -> None:
    assert "All codes together differ from N(0, I)." in said(numbers(0.5))
    assert "All codes together differ from N(0, I) cannot" not in said(numbers(0.5))
    assert "cannot be told by their KL" in said(numbers(0.5, beyond=-0.1))
