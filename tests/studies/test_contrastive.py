"""A study with contrastive runs: trained, taken from, used by a question, saved and exported."""

import json

import numpy as np
import pytest
import torch

import tacit
from bits import same_tensors
from studies.conftest import run_quietly
from tacit.images.shared import read_images
from tacit.models.architecture import layers_of
from tacit.saved.onnx import export
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse
from tacit.training.collapse import effective_rank

STUDY = """
title: Codes from views
images: {source: digits}
defaults: {latent_dim: 4, network: {kind: resnet, width: 4}, updates: 12, epochs: 1}
runs:
  own: {learn: contrastive, objective: {kind: byol, views: characters, momentum: 0.9}}
  further: {learn: contrastive, objective: {views: {flip: 0.5}}, encoder: {from: own}}
  fine-tuned: {learn: classifier, train: {per_class: 2}, encoder: {from: further}}
questions:
  - effective-rank: {runs: [own, further]}
  - label-efficiency:
      pairs:
        - {codes: pixels, method: nearest}
        - {codes: own, method: nearest}
        - {codes: further, method: logistic}
      budgets: [1, 2]
      draws: 4
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contrastive")
    path = folder / "views.yaml"
    path.write_text(STUDY, encoding="utf-8")
    ended, _ = run_quietly(path, folder)
    assert ended.whole
    return folder / "views"


def test_its_codes_are_a_representation_and_its_encoder_a_part(out) -> None:
    own, further = (tacit.load(out, name) for name in ("own", "further"))
    assert own.config.momentum == 0.9
    assert further.config.momentum is None
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "contrastive, byol on views" in report
    assert "encoder from own, fine-tuned" in report
    assert {m.term for m in own.about.measured} >= {"loss", "agreement", "effective rank", "spread"}
    assert tacit.load(out, "fine-tuned").model.encoder.latent_dim == 4


def test_its_effective_rank_is_drawn_and_said(out) -> None:
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    (found,) = [one for one in results["findings"] if one["question"] == "effective-rank"]
    rank = found["numbers"]["own.effective-rank"]["value"]
    test = read_images(out / "images").test
    codes = torch.from_numpy(tacit.load(out, "own").encode(test.scaled()))
    assert rank == pytest.approx(effective_rank(codes), rel=1e-4)
    assert "of 4 directions" in found["answer"]
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "effective-rank-learning" in report
    assert "nearest neighbour of the same class" in report


def test_it_encodes_and_has_nothing_to_decode(out) -> None:
    own = tacit.load(out, "own")
    x = np.random.default_rng(0).random((3, 8, 8))
    with torch.no_grad():
        codes = own.model.encoder(torch.from_numpy(own.pixels(x)))
    np.testing.assert_allclose(own.encode(x), codes.numpy(), atol=1e-6)
    with pytest.raises(TypeError, match="a contrastive model has no decoder"):
        own.reconstruct(x)
    with pytest.raises(TypeError, match="does not predict"):
        own.predict(x)


def test_layers_of_all_parts_are_counted_and_nothing_is_changed(out) -> None:
    model = tacit.load(out, "own").model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layers = layers_of(model, (1, 8, 8))
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in model.parameters())
    parts = list(dict.fromkeys(layer.part for layer in layers))
    assert parts == ["encoder", "projector", "predictor", "averages"]
    assert same_tensors(before, model.state_dict())


def test_it_is_saved_whole_and_exported_as_its_encoder(out, tmp_path) -> None:
    own, x = tacit.load(out, "own"), np.random.default_rng(0).random((5, 8, 8))
    own.save(tmp_path / "model")
    again = tacit.load(tmp_path / "model")
    assert again.config == own.config
    np.testing.assert_array_equal(again.encode(x), own.encode(x))
    assert "projector is no part of the code" in (tmp_path / "model" / "README.md").read_text(
        encoding="utf-8"
    )
    assert [e.path.name for e in export(own, tmp_path / "onnx", x)] == ["encoder.onnx"]
    with pytest.raises(ValueError, match=r"holds a model for tacit\.load, not for VAE"):
        tacit.VAE.from_pretrained(tmp_path / "model")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("{learn: contrastive, objective: elbo}", "'elbo' is an objective of VAEs"),
        ("{learn: vae, objective: simclr}", "objective 'simclr' belongs to 'contrastive'"),
        ("{learn: vae, projector: {out: 3}}", "a projector belongs to 'contrastive'"),
        ("{learn: contrastive, objective: {views: photos}}", "choices: photographs"),
        ("{learn: contrastive, objective: {temperature: 0}}", "more than 0"),
        ("{learn: contrastive, objective: bylo}", "'bylo'"),
        ("{learn: contrastive, decoder: {from: b}}", "no decoder to take"),
        ("{learn: contrastive, encoder: {from: b, frozen: true}}", "would learn no code"),
    ],
)
def test_what_does_not_belong_is_named(run, expected) -> None:
    with pytest.raises(StudyError) as error:
        parse(f"title: t\nruns:\n  a: {run}\n  b: {{learn: autoencoder}}\n", "study")
    assert expected in str(error.value)
