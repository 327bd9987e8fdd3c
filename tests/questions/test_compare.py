"""Which run is best: told where one is, not where several are; and end to end."""

from pathlib import Path

import numpy as np
import pytest

import tacit
from tacit.figures.sink import Figures
from tacit.questions.base import Measurement, Setting
from tacit.questions.compare.numbers import MEASURES, Numbers, Scored
from tacit.questions.compare.question import Compare
from tacit.questions.typed import OfImages
from tacit.questions.verdicts import Verdict
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse

STUDY = """
title: Does a smaller weight of the KL help?
defaults: {{latent_dim: 4, epochs: 2}}
runs:
  plain: {{learn: vae}}
  light: {{learn: vae, objective: {{beta: 0.1}}}}
  bernoulli: {{learn: vae, likelihood: bernoulli}}
  autoencoder: {{learn: autoencoder}}
  classifier: {{learn: classifier}}
questions:
  - compare: {asked}
"""


def fabricated(by: str, means: dict[str, float], seeds: int = 3) -> dict[int, Measurement]:
    """Images differ, and the runs by `means` on all of them."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=200)
    measured = {}
    for seed in range(seeds):
        score = {
            name: Scored(image + mean + 0.1 * rng.normal(size=200)) for name, mean in means.items()
        }
        settings = {name: (f"objective.beta: {mean}",) for name, mean in means.items()}
        numbers = Numbers(by, settings, OfImages(np.arange(200), None, score))
        measured[seed] = Measurement.of(numbers)
    return measured


def finding(folder: Path, by: str, means: dict[str, float], seeds: int = 3):
    setting = Setting("compare", Figures(folder), (), 160, 200, "digits")
    return Compare(runs=tuple(means)).answer(fabricated(by, means, seeds), setting)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("by", "means", "verdict", "said"),
    [
        ("elbo", {"a": 0.0, "b": 1.0, "c": 0.5}, Verdict.YES, "b is the best by test ELBO"),
        ("squared-error", {"a": 0.0, "b": 1.0}, Verdict.YES, "a is the best by squared error"),
        ("elbo", {"a": 1.0, "b": 1.0, "c": 0.0}, Verdict.CANNOT_TELL, "No run is distinguish"),
    ],
)
def test_the_best_is_told_where_there_is_one(tmp_path, by, means, verdict, said, seeds) -> None:
    found = finding(tmp_path, by, means, seeds)
    assert found.verdict == verdict
    assert found.headline.startswith(said)
    assert found.numbers[found.key].value == pytest.approx(sorted(map(abs, means.values()))[-1]
        - sorted(means.values())[-2], abs=0.05)  # fmt: skip


def test_two_on_top_are_not_told_apart_but_the_third_is_worse(tmp_path) -> None:
    found = finding(tmp_path, "elbo", {"a": 1.0, "b": 1.0, "c": 0.0})
    assert "Behind" in found.answer
    assert "Not distinguishable from" in found.answer
    (table,) = found.tables
    assert table.columns[1] == "objective.beta"
    assert [row[-1] for row in table.rows].count("best") == 1


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("{runs: [plain]}", "2 runs or more"),
        ("{runs: [plain, plain]}", "names 'plain' twice"),
        ("{runs: [plain, bernoulli]}", "a density and a probability have no ELBO in common"),
        ("{runs: [plain, classifier]}", "have codes alone in common; .* by: neighbours"),
        ("{runs: [plain, classifier], by: accuracy}", "'plain' .*'classifier'"),
        ("{runs: [plain, light], by: loss}", "'loss' is none of"),
    ],
)
def test_what_cannot_be_compared_is_said(asked: str, error: str) -> None:
    with pytest.raises(StudyError, match=error):
        parse(STUDY.format(asked=asked), "mine")


def test_runs_of_a_study_are_compared_by_what_they_share(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    more = (
        "  - compare: {runs: [plain, autoencoder]}\n"
        "  - compare: {runs: [autoencoder, classifier], by: neighbours}\n"
    )
    path.write_text(STUDY.format(asked="{runs: [plain, light]}") + more)
    study = tacit.run(path, images="digits", train_size=100, out=tmp_path / "out", progress=False)
    first, second, third = study.findings.values()
    assert "test ELBO" in first.answer
    assert "squared error" in second.answer
    assert "nearest neighbour" in third.answer
    (table,) = first.tables
    assert [row[1] for row in table.rows] == ["1.0", "0.1"]
    model = study.load("plain")
    test = tacit.open_images("digits").test
    made = model.reconstruct(test.pixels).astype(np.float64)
    slow = ((made - test.pixels / 255) ** 2).reshape(len(test), -1).sum(axis=1).mean()
    assert second.numbers["plain.squared-error"].value == pytest.approx(slow, rel=1e-4)
    neighbours = third.numbers["autoencoder.neighbours"].value
    codes = study.load("autoencoder")
    known = tacit.open_images("digits", train_size=100).train
    a, b = codes.encode(test.pixels), codes.encode(known.pixels)
    nearest = ((a[:, None] - b[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert neighbours == pytest.approx((known.labels[nearest] == test.labels).mean(), abs=0.01)


def test_classes_are_needed_for_some(tmp_path) -> None:
    images = tacit.open_images("digits")
    bare = type(images.train)(images.train.pixels, None)
    with pytest.raises(ValueError, match="needs classes, and these images have none"):
        Compare(runs=("a", "b"), by="neighbours").check(bare, bare)
    Compare(runs=("a", "b"), by="elbo").check(bare, bare)


def test_every_measure_can_be_named() -> None:
    assert set(MEASURES) == set(Compare.model_fields["by"].annotation.__args__[0].__args__)
