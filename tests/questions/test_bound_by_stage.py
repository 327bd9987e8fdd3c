"""-log p(x) by stage: measured on a tiny prefix of the protocol, decided both ways."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import observe
from tacit.evidence.proposals import from_encoder
from tacit.figures.sink import Figures
from tacit.images import shared as shared_images
from tacit.images.dataset import Images, Split
from tacit.questions.base import Measurement, Runs, Setting
from tacit.questions.bound_by_stage.numbers import Found, Numbers, Scored
from tacit.questions.bound_by_stage.question import BoundByStage
from tacit.questions.bound_by_stage.words import caveats, headline, sentences
from tacit.questions.shared.seeds import Seeds
from tacit.questions.typed import OfImages
from tacit.questions.verdicts import Verdict
from tacit.streams import torch_stream
from tacit.studies.description.errors import StudyError
from tacit.studies.description.named import study_text
from tacit.studies.description.reading import parse
from tacit.studies.execution import work
from tacit.studies.execution.plan import plan
from tacit.training.run_folder import SavedRun

PROTOCOL = (1, 3, 9, 27, 81, 243, 729, 2187)


def test_the_built_in_study_is_the_published_protocol() -> None:
    study, (question,) = parse(study_text("burda")[1], "burda")
    assert isinstance(question, BoundByStage)
    assert question.stages == PROTOCOL
    assert question.published["vae-1"] == {"Burda 2016, VAE with k = 1": 86.76}
    assert sorted(question.published["dreg-5"].values()) == [84.90, 85.54]
    assert study.images.source == "mnist"
    for run in study.runs.values():
        epochs, rates = zip(*((phase.epochs, phase.rate) for phase in run.phases), strict=True)
        assert epochs == PROTOCOL
        assert rates == pytest.approx([1e-4 * round(10 ** (1 - i / 7), 1) for i in range(8)])
        assert run.network.model_dump() == {
            "kind": "dense", "hidden": (200, 200), "activation": "tanh",
        }  # fmt: skip
        assert (run.latent_dim, run.batch_size, run.eps) == (50, 20, 1e-4)
        assert run.output_bias == "training-mean"
        assert run.likelihood.model_dump() == {"kind": "bernoulli", "binarize": "dynamic"}
    objectives = {name: run.objective for name, run in study.runs.items()}
    assert (objectives["vae-1"].kind, objectives["vae-1"].samples) == ("elbo", 1)
    assert (objectives["dreg-5"].kind, objectives["dreg-5"].samples) == ("dreg", 5)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The first two stages of the protocol on 60 images of noise with two shapes in it."""
    folder = tmp_path_factory.mktemp("burda")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 120, (100, 1, 8, 8), dtype=np.uint8)
    pixels[:50, :, :4] += 120
    labels = (np.arange(100) >= 50).astype(np.int64)
    order = rng.permutation(100)
    images = Images(pixels[order], labels[order], ("upper", "none"))
    split = Split(images.take(np.arange(60)), images.take(np.arange(60, 100)))
    study, _ = parse(study_text("burda")[1], "burda")
    cut = {
        name: run.model_copy(update={"phases": run.phases[:2]}) for name, run in study.runs.items()
    }
    study = study.model_copy(update={"runs": cut})
    shared_images.write_images(folder / "images", split)
    jobs = plan(study, (), split).jobs
    for job in jobs:
        (folder / job.folder).mkdir(parents=True)
        work.train(
            asdict(job), folder, split, device="cpu", stop=lambda: False, report=lambda *_: None
        )
    saved = {job.name: [SavedRun(folder / job.folder)] for job in jobs}
    return Runs(0, split.train, split.test, saved)


ASKED = BoundByStage(
    runs=("vae-1", "dreg-5"), samples=120, images=10, stages=PROTOCOL,
    published={"vae-1": {"somewhere": 30.0}},
)  # fmt: skip


@pytest.fixture(scope="module")
def measured(runs: Runs) -> Measurement:
    return ASKED.measure(runs)


def test_every_stage_is_evaluated_and_the_last_on_all_images(
    runs: Runs, measured: Measurement
) -> None:
    found = measured.typed(Numbers)
    for name in ASKED.runs:
        assert found.stages[name].tolist() == [[3, 1, 1e-3], [12, 4, 7.2e-4]]
        rows, stages = found.table[name].index, found.table[name].of
        everything = found.table[f"{name}.all"].of[""].nll
        assert (len(stages["stage-1"].nll), len(everything)) == (10, 40)
        assert np.array_equal(stages["stage-2"].nll, everything[rows])
        assert not np.array_equal(stages["stage-1"].nll, stages["stage-2"].nll)
    # Columns of the CSV files.
    names = {name for name in measured.arrays if name.startswith("table/vae-1")}
    assert {"table/vae-1/stage-1.standard-error", "table/vae-1.all/standard-error"} < names
    # The snapshot's own model, with the same noise.
    run = runs["vae-1"]
    model: Any = run.model(3)
    x = torch.from_numpy(runs.test.scaled(found.table["vae-1"].index))
    data = observe(model, x, torch_stream(0, "observed", "test"))
    expected = importance_sampling(
        model, from_encoder, data, n_samples=120,
        generator=torch_stream(0, "importance", "test"),
    )  # fmt: skip
    scored = found.table["vae-1"].of["stage-1"]
    np.testing.assert_allclose(scored.nll, -expected.log_prob, atol=1e-4)


@pytest.mark.parametrize("source", ["mnist", "noise"])
def test_published_values_are_compared_on_their_images_alone(
    measured: Measurement, source: str, tmp_path: Path
) -> None:
    setting = Setting("q", Figures(tmp_path), ("upper", "none"), 60, 40, source)
    finding = ASKED.answer({0: measured}, setting)
    assert ("somewhere" in finding.answer) == (source == "mnist")
    assert ("vae-1.above-published-1" in finding.numbers) == (source == "mnist")
    said = any("not compared with those of 'noise'" in c for c in finding.caveats)
    assert said == (source != "mnist")
    said_to_be_left = "Stages of vae-1 that were not trained: 6, of 3,276 epochs and 9,828 updates."
    assert said_to_be_left in finding.answer
    assert finding.numbers["vae-1.nll"].n == 40
    assert (tmp_path / finding.figures[0].file).stat().st_size
    rows = finding.tables[0].rows
    assert len(rows) == 6 + (source == "mnist")


def fabricated(
    lasts: Sequence[float],
    *,
    trained: int = 2,
    gain: float = 3.0,
    published: float | dict[str, float] = 86.76,
    protocol: tuple[int, ...] = PROTOCOL,
    seeds: int = 1,
    seed_lead: Sequence[float] = (0.0,),
) -> Found:
    """Runs 'a', 'b', … on 400 images with a spread of 20 nats; the same images for all."""
    names = tuple("abc"[: len(lasts)])
    common = np.random.default_rng(0).normal(0, 20, 400)
    common -= common.mean()
    measured = {}
    for seed in range(seeds):
        found = Numbers({}, {})
        for number, (name, last) in enumerate(zip(names, lasts, strict=True)):
            noise = np.random.default_rng([seed, number]).normal(0, 0.5, 400)
            lead = seed_lead[seed % len(seed_lead)] if number else 0.0
            nll = last + lead + common + noise - noise.mean()
            epochs = np.cumsum(PROTOCOL[:trained])
            found.stages[name] = np.stack([epochs * 3000, epochs, 1e-3 * epochs], axis=1)
            stages, few = {}, np.arange(100)
            for stage in range(1, trained + 1):
                worse = gain * (trained - stage)
                ripple = 0.1 * np.sin(np.arange(400) + stage)
                stages[f"stage-{stage}"] = scored(nll + worse + ripple).take(few)
            found.table[name] = OfImages(few, None, stages)
            found.table[f"{name}.all"] = OfImages(np.arange(400), None, {"": scored(nll)})
        measured[seed] = found
    known = {names[0]: {"a paper": published} if isinstance(published, float) else published}
    asked = BoundByStage(runs=names, stages=protocol, published=known)
    return Found(Seeds(measured), asked, SimpleNamespace(source="mnist"))  # type: ignore[arg-type]


def scored(nll: np.ndarray) -> Scored:
    return Scored(nll, np.zeros(len(nll)), (np.arange(len(nll)) < 3).astype(int))


def said(stages: Found) -> str:
    return " ".join(sentences(stages))


def test_published_values_are_missed_beaten_or_not_distinguishable() -> None:
    assert "a misses a paper by 13.2" in said(fabricated([100.0]))
    assert "a beats a paper by 6.8" in said(fabricated([80.0]))
    assert "a is not distinguishable from a paper" in said(fabricated([86.9]))


def test_the_lowest_published_value_is_to_be_reached_from_above() -> None:
    for last, verdict in ((80.0, Verdict.YES), (100.0, Verdict.NO), (86.9, Verdict.CANNOT_TELL)):
        assert headline(fabricated([last], trained=8)).verdict == verdict
    two = {"a paper": 95.0, "another": 75.0}
    assert headline(fabricated([85.0], trained=8, published=two)).verdict == Verdict.NO


def test_runs_are_compared_on_the_same_images() -> None:
    # One nat between runs, twenty between images.
    assert "On the same images b is 1.000 nats" in said(fabricated([87.0, 86.0]))
    assert "below a." in said(fabricated([87.0, 86.0]))
    assert "b and a are not distinguishable" in said(fabricated([87.0, 87.01]))


def test_seeds_that_disagree_leave_it_undecided() -> None:
    stages = fabricated([87.0, 86.0], seeds=3, seed_lead=(-4.0, 0.0, 4.0))
    assert "b and a are not distinguishable" in said(stages)
    assert "3 seeds" in stages.difference(("b", None), ("a", None)).interval


def test_what_remains_is_counted_in_epochs_and_updates() -> None:
    assert fabricated([87.0], trained=6).remaining("a") == (2, 2916, 8_748_000)
    assert fabricated([87.0], trained=8).remaining("a") == (0, 0, 0)
    assert "Stages of a that were not trained: 1, of 2,187 epochs" in said(
        fabricated([87.0], trained=7)
    )
    assert "not trained" not in said(fabricated([87.0], trained=8))
    assert any("all stages of the protocol" in c for c in caveats(fabricated([87.0], trained=7)))
    assert fabricated([87.0], protocol=(2, 3, 9)).remaining("a") == (0, 0, 0)


def test_the_gain_of_the_last_stage_is_told() -> None:
    assert "The last stage of a gained 3.0" in said(fabricated([87.0]))
    assert "The last stage of a lost 3.0" in said(fabricated([87.0], gain=-3))
    assert fabricated([87.0], trained=1).last_gain("a") is None
    flagged = fabricated([87.0]).flagged("a")
    assert (flagged.value, flagged.n) == (3 / 400, 400)


def test_faults_are_refused() -> None:
    with pytest.raises(ValidationError, match="published names 'c', which is none of runs: a, b"):
        BoundByStage(runs=("a", "b"), published={"c": {"x": 1.0}})
    text = """
title: Two scales
runs:
  a: {learn: vae, likelihood: bernoulli}
  b: {learn: vae}
questions:
  - bound-by-stage: {runs: [a, b]}
"""
    with pytest.raises(StudyError, match="'a' and 'b' differ in likelihood; log p"):
        parse(text, "two")
