"""A network from elsewhere that learns on from views of one's own images."""

import csv
import json

import numpy as np
import pytest
import torch
from laid_inputs import inputs_of
from PIL import Image

import tacit
from tacit.encoders.opening import open_encoder
from tacit.images.dataset import Images, Split
from tacit.images.originals import of_arrays
from tacit.models.config import ModelConfig, TimmNetwork, build
from tacit.saved.onnx import export
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse
from tacit.studies.description.settings import model_config
from tacit.studies.description.spec import Run
from tacit.studies.execution.work import assemble
from tacit.training.loop import fit
from tacit.training.objectives import objective_of
from tacit.training.schedule import Schedule

NETWORK = TimmNetwork(
    model="test_resnet", n_features=96, size=(32, 32), mean=(0.1, 0.2, 0.3), sd=(1, 0.5, 0.25)
)


@pytest.fixture(scope="module")
def images() -> Images:
    coarse = np.random.default_rng(0).integers(0, 256, (40, 3, 4, 4), dtype=np.uint8)
    return Images(coarse.repeat(8, axis=2).repeat(8, axis=3))


def begun(source, images, **objective):
    """The model of such a run before it learns."""
    table = {"learn": "contrastive", "encoder": {"pretrained": source}, "latent_dim": 6}
    run = Run.model_validate(table | {"objective": objective})
    about = open_encoder(source).about
    config = model_config(run, Split(images, images), {source: about})
    return run, config, assemble(config, 0, [], None, None, {"source": source, "key": about.key})


def test_it_begins_as_the_encoder_whose_weights_it_has(source, images, tmp_path):
    source += ",crop=1"  # the whole picture, as such a run reads it
    encoder = open_encoder(source)
    _, _, model = begun(source, images)
    model.eval()
    x = torch.from_numpy(images.scaled(np.arange(5)))
    with torch.inference_mode():
        found = model.encoder.features(x)
        read = inputs_of(of_arrays(images.pixels[:5])[0], encoder.about, tmp_path)
        expected = encoder.module(torch.from_numpy(read.scaled(np.arange(5))))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="changed while the study ran"):
        assemble(begun(source, images)[1], 0, [], None, None, {"source": source, "key": "other"})


@pytest.mark.parametrize("kind", ["simclr", "byol"])
def test_every_block_learns_at_its_rate_and_statistics_stay(source, images, kind):
    run, config, model = begun(source, images, kind=kind, views={"flip": 0.5})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    if model.average is not None:  # which begins as what it is of, statistics too
        own = model.encoder.features.state_dict()
        assert all(torch.equal(v, own[n]) for n, v in model.average[0].state_dict().items())
    schedule = Schedule(len(images), 40, 1, rate=1e-3, evaluate_at=(1,))
    history = fit(model, objective_of(config, run.objective), images, schedule, seed=0)
    assert {"loss", "agreement", "effective rank"} <= history.evaluations[0].train.keys()
    network = model.encoder.features[1]
    moved = [
        max(
            float((value.detach() - before[f"encoder.features.1.network.{name}"]).abs().max())
            for name, value in network.network.named_parameters()
            if name in block
        )
        for block in network.blocks
    ]
    # One update of Adam moves a weight by its rate, whatever its gradient.
    np.testing.assert_allclose(moved, [1e-3 * 0.7**n for n in range(len(moved))][::-1], rtol=0.05)
    after = model.encoder.state_dict()
    statistics = [name for name in after if "running" in name]
    assert statistics
    assert all(torch.equal(after[name], before[f"encoder.{name}"]) for name in statistics)


def test_grey_images_and_those_of_other_sizes_are_read_as_it_reads(timm):
    config = ModelConfig(learn="contrastive", shape=(1, 20, 24), latent_dim=3, network=NETWORK)
    read = build(config).encoder.features[0](torch.full((2, 1, 20, 24), 0.5))
    assert read.shape == (2, 3, 32, 32)
    expected = torch.tensor([0.4, 0.6, 0.8])[None, :, None, None].expand_as(read)
    torch.testing.assert_close(read, expected)


@pytest.mark.parametrize(
    ("network", "shape", "said"),
    [
        ({}, (4, 32, 32), "images have 4 channels; test_resnet reads 3"),
        ({"model": "no_such"}, (3, 32, 32), "timm has no architecture 'no_such'"),
        ({"model": "swin_tiny_patch4_window7_224", "size": (224, 224)}, (3, 8, 8), "attn_mask"),
    ],
)
def test_what_cannot_be_built_is_said(timm, network, shape, said):
    table = NETWORK.model_copy(update=network)
    config = ModelConfig(learn="contrastive", shape=shape, latent_dim=3, network=table)
    with torch.device("meta"), pytest.raises(ValueError, match=said):
        build(config)


def test_a_file_names_nothing_that_timm_would_fetch():
    with pytest.raises(ValueError, match="model"):
        TimmNetwork.model_validate(NETWORK.model_dump() | {"model": "hf-hub:some/one"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{learn: contrastive, encoder: {pretrained: 'onnx:a.onnx'}}", "what 'onnx' names has no"),
        ("{learn: contrastive, encoder: {pretrained: 'features:a.npy'}}", "cannot learn on"),
        ("{learn: vae, encoder: {pretrained: 'timm:a', frozen: false}}", "'contrastive' learns it"),
        (
            "{learn: classifier, encoder: {pretrained: 'timm:a', frozen: false}}",
            "'contrastive' alone learns",
        ),
        ("{learn: classifier, encoder: {from: on}}", "which no other run can take"),
    ],
)
def test_what_cannot_learn_on_is_refused(line, said):
    text = f"""
title: a
runs:
  on: {{learn: contrastive, encoder: {{pretrained: 'timm:a'}}}}
  bad: {line}
"""
    with pytest.raises(StudyError, match=said):
        parse(text, "study")


@pytest.mark.slow
def test_a_study_learns_it_on_and_judges_it(source, command, tmp_path):
    """Its codes are a representation; its run is opened, encodes and is exported as any other."""
    rng, folder = np.random.default_rng(0), tmp_path / "pictures"
    folder.mkdir()
    rows = ["path,label,split"]
    for i in range(48):
        lines = np.repeat(rng.integers(0, 256, (1, 24, 3), dtype=np.uint8), 24, axis=0)
        Image.fromarray(lines.swapaxes(0, 1) if i % 2 else lines).save(folder / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{'ab'[i % 2]},{'test' if i > 31 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(rows))
    study = tmp_path / "on.yaml"
    study.write_text(f"""
title: learned on
images: {{source: {folder}, size: 24, channels: rgb}}
runs:
  on:
    learn: contrastive
    encoder: {{pretrained: "{source}"}}
    objective: {{views: {{flip: 0.5}}}}
    batch_size: 16
    updates: 6
questions:
  - effective-rank: {{runs: [on]}}
  - encoders: {{codes: [pixels, on, "{source}"], methods: [nearest], budgets: [1, 2], draws: 3,
                fine_tuned: false}}
""")
    command("run", str(study), "--jobs", "1", "--out", str(tmp_path))
    out = tmp_path / "on"
    with (out / "tables" / "encoders-trials.csv").open() as stream:
        (row, *_) = csv.DictReader(stream)
    assert 0 <= float(row["on.nearest.test"]) <= 1
    results = json.loads((out / "results.json").read_text())
    numbers = {n for finding in results["findings"] for n in finding["numbers"]}
    assert "on.effective-rank" in numbers
    assert "which learned on" in (out / "report.html").read_text()
    model, x = tacit.load(out, "on"), rng.random((3, 3, 24, 24))
    assert model.config.network.kind == "timm"
    codes = model.encode(x)
    assert codes.shape == (3, model.config.latent_dim)
    model.save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "weights before: timm test_resnet, 96 features" in card
    assert "not stated in the file" in card
    assert str(tmp_path) not in card.replace(str(folder), "")
    np.testing.assert_array_equal(tacit.load(tmp_path / "model").encode(x), codes)
    export(model, tmp_path / "onnx", x)  # which compares its answers with the model's own
