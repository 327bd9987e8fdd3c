"""What a VAE generates: measured end to end, and said as the numbers say."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tacit.images.dataset import UNLABELLED, Images
from tacit.measures.number import Number
from tacit.questions.base import Measurement, Runs
from tacit.questions.finding import Finding
from tacit.questions.generation.question import Generation
from tacit.questions.generation.words import words
from tacit.questions.shared.codes import decoded
from tacit.questions.shared.sample_quality import BLIND, RIGHT
from tacit.streams import torch_stream

ASKED = Generation(run="vae", classifier="classifier")


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
    assert found.values[BLIND] == np.mean(labels == most)
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
    assert "units are active" in finding.answer


def numbers(
    gap: float,
    *,
    p: float = 0.005,
    nearer: float = 0.3,
    shared: float = 3.0,
    beyond: float = 1.0,
    mmd: float = 0.05,
) -> Any:
    """Numbers with an interval of ± 0.1 around the samples' distance above drawn codes."""

    def around(value: float, half: float = 0.1) -> Number:
        return Number(value, value - half, value + half, 100)

    return {
        "random.samples-minus-drawn-codes": around(gap),
        "random.samples": around(0.3 + gap),
        "random.drawn-codes": around(0.3),
        "random.reconstructions": around(0.3),
        "random.training-images": around(0.0),
        "random.p": Number(p),
        "nearest.samples-minus-test-images": around(nearer),
        "codes.kl": around(7.0),
        "codes.mutual-information": around(shared),
        "codes.mutual-information-high": Number(7.0),
        "codes.aggregate-kl-low": Number(0.0),
        "codes.aggregate-kl-null": Number(7.0 - shared - beyond),
        "codes.aggregate-kl-beyond-null": Number(beyond),
        "codes.mmd": Number(mmd),
        "codes.mmd-null": Number(0.01),
        "codes.ln-n": Number(math.log(1438)),
        "codes.aggregate-kl": around(7.0 - shared),
        "codes.aggregate-kl-one-dimension-each": Number(0.2),
        "codes.active-units": Number(200.0),
        "codes.active-units-at-start": Number(0.0),
    }


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (0.5, "drawing codes from N(0, I) instead costs 0.50 (0.40 to 0.60)"),
        (-0.2, "samples from N(0, I) come nearer to images (-0.20 (-0.30 to -0.10))"),
        (0.05, "not distinguishable from nothing (+0.05 (-0.05 to 0.15))"),
    ],
)
def test_the_words_follow_the_interval_of_the_difference(gap: float, said: str) -> None:
    assert said in words(numbers(gap), ("random",))


def test_the_words_follow_the_permutation_test_and_the_nearest_images() -> None:
    assert "Samples can be told" in words(numbers(0.5), ("random",))
    assert "Samples cannot be told" in words(numbers(0.5, p=0.4), ("random",))
    assert "no copies" in words(numbers(0.5), ("random",))
    assert "Samples lie nearer" in words(numbers(0.5, nearer=-0.3), ("random",))
    assert "nearest training image" not in words(numbers(0.5, nearer=0.05), ("random",))


def test_networks_that_disagree_are_said_to() -> None:
    table = numbers(0.5)
    other = {name.replace("random", "classifier"): n for name, n in numbers(0.05).items()}
    assert "A random network's features do not agree (+0.50" in words(
        table | other, ("classifier", "random")
    )
    other = {name.replace("random", "classifier"): n for name, n in numbers(0.4).items()}
    assert "A random network's features agree" in words(table | other, ("classifier", "random"))


def test_a_distance_of_all_codes_is_said_only_beyond_what_the_prior_leaves() -> None:
    apart = words(numbers(0.5), ("random",))
    assert "All codes together differ from N(0, I), by at least 0 nats and at most 4" in apart
    assert "1,438 codes that together are exactly N(0, I) leave up to 3 nats" in apart
    assert "Their MMD says so too (0.05; 97.5 % of its null is 0.01)" in apart
    open_ = words(numbers(0.5, beyond=-0.1), ("random",))
    assert "cannot be told" in open_
    assert "All codes together differ" not in open_


def test_the_page_does_not_contradict_its_own_mmd() -> None:
    said = words(numbers(0.5, beyond=-0.1), ("random",))
    assert "Their MMD does tell that they differ" in said
    said = words(numbers(0.5, mmd=0.001), ("random",))
    assert "Their MMD does not tell them from N(0, I) (0.001" in said
