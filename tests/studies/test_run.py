"""Studies end to end: what is written, used again, continued, and what fails alone."""

import json

import pytest

from sentences import numbers_in
from tacit.questions.verdicts import MOST_NUMBERS, MOST_WORDS, words_in
from tacit.studies.execution.holding import FolderError
from tacit.training.run_folder import SavedRun, is_done

from .conftest import run_quietly


def results(folder) -> bytes:
    return (folder / "results.json").read_bytes()


def test_a_study_leaves_its_records_and_its_page(finished) -> None:
    record = json.loads(results(finished))
    assert record["study"] == "small"
    assert record["images"] == {
        "source": "digits",
        "sha256": record["images"]["sha256"],
        "train": 80,
        "test": 359,
    }
    (finding,) = record["findings"]
    assert finding["question"] == "classifier"
    assert finding["answer"]
    contract = {"question", "asks", "answer", "numbers", "runs"}
    assert set(finding) == contract | {"verdict", "headline", "key", "label", "alerts"}
    assert words_in(finding["headline"]) <= MOST_WORDS
    assert numbers_in(finding["headline"]) <= MOST_NUMBERS
    for number in finding["numbers"].values():
        assert set(number) == {"value", "low", "high", "n", "unit", "interval"}
    page = (finished / "report.html").read_text()
    assert finding["answer"].split(".")[0][:40] in page
    explored = json.loads((finished / "explorer.json").read_text())["content"]
    assert [model["run"] for model in explored["models"]] == ["vae", "autoencoder"]
    assert explored["classifier"]["run"] == "classifier"
    assert '<section id="explorer"' in page
    assert "seconds" in (finished / "environment.json").read_text()
    assert "seconds" not in results(finished).decode()


def test_a_study_run_again_is_the_same_to_the_bit(finished, small_study, tmp_path) -> None:
    ended, _ = run_quietly(small_study, tmp_path, jobs=1)
    assert results(tmp_path / "small") == results(finished)
    assert (tmp_path / "small" / "findings.json").read_bytes() == (
        finished / "findings.json"
    ).read_bytes()
    explorer = tmp_path / "small" / "explorer.json"
    assert explorer.read_bytes() == (finished / "explorer.json").read_bytes()
    # Once more in the same folder: nothing is done twice, and no explorer is left.
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "small" / "jobs").rglob("*.safetensors")}
    again, printed = run_quietly(small_study, tmp_path, jobs=2, explorer="none")
    assert not explorer.exists()
    assert 'id="explorer"' not in again.report.read_text()
    assert len(again.outcome.reused) == len(ended.outcome.done)
    assert "7 of 7 jobs were done before" in printed
    assert all(p.stat().st_mtime_ns == at for p, at in before.items())


def test_a_damaged_job_is_noticed_and_done_again(small_study, tmp_path, finished) -> None:
    run_quietly(small_study, tmp_path, jobs=2)
    folder = next((tmp_path / "small" / "jobs").glob("vae-*"))
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)
    assert not is_done(folder)
    ended, _ = run_quietly(small_study, tmp_path, jobs=2)
    assert len(ended.outcome.reused) == len(ended.outcome.done) - 1
    assert is_done(folder)
    assert results(tmp_path / "small") == results(finished)


def test_a_run_that_diverges_fails_alone_and_blocks_what_needs_it(tmp_path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("""
title: Broken
defaults: {latent_dim: 4, epochs: 2}
runs:
  wild: {learn: vae, rate: 100, epochs: 60}
  after: {learn: classifier, encoder: {from: wild}}
  tame: {learn: classifier}
questions:
  - classifier: {run: tame}
  - classifier: {run: after}
""")
    ended, printed = run_quietly(path, tmp_path, jobs=2)
    assert not ended.whole
    (cause,) = ended.outcome.failed.values()
    assert cause.startswith("Diverged: the loss ")  # of an update, or of the images looked at
    assert "with seed 0" in cause
    assert len(ended.outcome.blocked) == 2
    assert [finding.question for finding in ended.findings] == ["classifier"]
    assert "FAILED wild (seed 0)" in printed
    page = ended.report.read_text()
    assert cause in page
    assert "wild (seed 0)" in page


def test_latents_and_weights_are_kept_at_the_snapshots(finished) -> None:
    saved = SavedRun(next((finished / "jobs").glob("per-image-s0*")))
    assert sorted(saved.snapshots) == [1, 2]
    early, late = saved.model(saved.snapshots[1]), saved.model()
    assert early.posterior.mean.shape == (80, 4)
    assert (early.posterior.mean != late.posterior.mean).any()
    assert any(
        (a != b).any()
        for a, b in zip(early.decoder.parameters(), late.decoder.parameters(), strict=True)
    )
    with pytest.raises(ValueError, match="kept nothing at update 99"):
        saved.model(99)


def test_the_frozen_encoder_is_its_upstreams_to_the_bit(finished) -> None:
    upstream = SavedRun(next((finished / "jobs").glob("classifier-s0*"))).model().encoder
    for folder in (finished / "jobs").glob("few-s0*"):
        mine = SavedRun(folder).model().encoder.state_dict()
        assert all((mine[name] == value).all() for name, value in upstream.state_dict().items())


def test_a_folder_that_cannot_be_written_is_refused_before_anything(small_study, tmp_path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(FolderError, match="cannot write into"):
        run_quietly(small_study, blocked)
