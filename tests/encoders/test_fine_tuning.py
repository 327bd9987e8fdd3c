"""An encoder from elsewhere trained on: head first, then blocks of it, each at its rate."""

import copy
import csv
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from laid_inputs import inputs_of
from PIL import Image
from safetensors.torch import load_file

import tacit
from tacit.encoders.inputs import Inputs, lay_inputs, read_inputs
from tacit.encoders.opening import open_encoder
from tacit.encoders.recipe import Recipe as Reading
from tacit.estimators import classifier
from tacit.images.dataset import Images, Split
from tacit.images.originals import of_pictures
from tacit.labels.draws import Labelled
from tacit.labels.methods import METHODS, Problem
from tacit.labels.networks import ON_PRETRAINED, Recipe, class_probabilities, fine_tune
from tacit.labels.pairs import Pair
from tacit.labels.representations import Represented
from tacit.questions.encoders.question import Encoders
from tacit.saved import elsewhere
from tacit.studies.description.errors import StudyError
from tacit.studies.description.reading import parse

QUICK = Recipe(epochs=1, updates=12, batch_size=8, rate=1e-3, layers="all", decay=0.5)


@pytest.fixture(scope="module")
def pictures() -> tuple[list[Image.Image], np.ndarray]:
    """Two classes of noise: stripes one way and the other."""
    rng = np.random.default_rng(0)
    made, y = [], np.arange(40) % 2
    for label in y:
        lines = np.repeat(rng.integers(0, 256, (1, 32, 3)), 32, axis=0)
        noisy = lines.swapaxes(0, 1) if label else lines
        made.append(
            Image.fromarray(
                (noisy + rng.integers(0, 20, (32, 32, 3))).clip(0, 255).astype(np.uint8)
            )
        )
    return made, y


@pytest.fixture(scope="module")
def problem(source, pictures, tmp_path_factory):
    encoder = open_encoder(source)
    x, y = pictures
    inputs = inputs_of(of_pictures(x), encoder.about, tmp_path_factory.mktemp("inputs"))
    network = encoder.network().eval()
    with torch.inference_mode():
        features = network(torch.from_numpy(inputs.scaled(np.arange(len(x))))).numpy()
    return network, inputs, features, Labelled(np.arange(16), y[:16])


def test_inputs_are_what_the_recipe_makes(source, pictures, tmp_path):
    x, _ = pictures
    recipe = Reading((24, 24), crop=0.9, mean=(0.1, 0.2, 0.3), sd=(0.5, 0.4, 0.3))
    about = replace(open_encoder(source).about, recipe=recipe)
    inputs = inputs_of(of_pictures(x[:3]), about, tmp_path)
    expected = np.stack([recipe.apply(one) for one in x[:3]])
    assert np.array_equal(inputs.scaled(np.arange(3)), expected)


def test_they_are_laid_where_workers_map_them(source, pictures, tmp_path):
    x, _ = pictures
    about = open_encoder(source).about
    originals = of_pictures(x)
    nothing = np.zeros((40, 3, 4, 4), np.uint8)
    images = Images(nothing, originals=originals)
    split = Split(images.take(np.arange(30)), images.take(np.arange(30, 40)))
    lay_inputs(tmp_path, about, split)
    train, test = read_inputs(tmp_path, about, 30)
    whole = inputs_of(originals, about, tmp_path / "whole")
    assert np.array_equal(np.concatenate([train.pixels, test.pixels]), whole.pixels)
    (path,) = (tmp_path / "features").glob("*-inputs.npy")
    before = path.stat().st_mtime_ns
    lay_inputs(tmp_path, about, split)
    assert path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:-1])
    lay_inputs(tmp_path, about, split)
    assert np.array_equal(read_inputs(tmp_path, about, 30)[1].pixels, whole.pixels[30:])
    # Other images of the same study, as many as before.
    nothing[0] = 1
    others = Images(nothing, originals=of_pictures(x[::-1].copy()))
    lay_inputs(tmp_path, about, Split(others.take(np.arange(30)), others.take(np.arange(30, 40))))
    assert np.array_equal(read_inputs(tmp_path, about, 30)[0].pixels, whole.pixels[:9:-1])


def test_the_last_block_moves_or_all_do_and_statistics_stay(problem):
    network, inputs, features, labelled = problem
    before = copy.deepcopy(network.state_dict())
    trained = {}
    for layers in ("last", "all"):
        recipe = QUICK.model_copy(update={"layers": layers})
        model = fine_tune(inputs, features, labelled, 2, network, recipe=recipe, seed=0)
        after = model.encoder.state_dict()
        trained[layers] = {name for name in after if not torch.equal(after[name], before[name])}
    names = set(before)
    last = {f"network.{name}" for block in network.blocks[-2:] for name in block}
    assert trained["last"] == last & trained["all"]
    assert trained["last"]
    assert trained["all"] == {f"network.{name}" for block in network.blocks for name in block}
    assert not any("running" in name for name in trained["all"])
    assert any("running" in name for name in names)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_each_block_has_its_rate(problem):
    """One update of Adam moves every weight by about its rate, whatever its gradient."""
    network, inputs, features, labelled = problem
    recipe = QUICK.model_copy(update={"updates": 1, "batch_size": 16, "decay": 0.1})
    model = fine_tune(inputs, features, labelled, 2, network, recipe=recipe, seed=0)
    moved = []
    for names in network.blocks:
        before, after = (
            dict(one.named_parameters()) for one in (network.network, model.encoder.network)
        )
        moved.append(max(float((after[n] - before[n]).detach().abs().max()) for n in names))
    ratios = np.array(moved[1:]) / np.array(moved[:-1])
    # Rates under what Adam's epsilon lets be seen say nothing.
    seen = np.array(moved[:-1]) > 1e-7
    assert seen.sum() >= 2
    assert np.allclose(ratios[seen], 10, rtol=0.2)


def test_the_head_learns_first(problem):
    """With a rate of next to nothing what is left is logistic regression on the features."""
    network, inputs, features, labelled = problem
    recipe = QUICK.model_copy(update={"rate": 1e-12})
    model = fine_tune(inputs, features, labelled, 2, network, recipe=recipe, seed=0)
    found = class_probabilities(model, inputs)
    (answered,) = METHODS["logistic"].answers(
        Problem(inputs, inputs, Represented(features, features), 2), [labelled], [0]
    )
    assert np.allclose(found, answered.new, atol=1e-3)


def test_it_is_a_method_and_learns_what_features_of_chance_do_not(problem, pictures):
    network, inputs, features, labelled = problem
    _, y = pictures
    recipe = ON_PRETRAINED.model_copy(update={"layers": "all", "rate": 3e-3, "updates": 120})
    task = Problem(inputs, inputs, Represented(features, features, network), 2, recipe=recipe)
    (answered,) = METHODS["fine-tune"].answers(task, [labelled], [0])
    rest = np.arange(16, 40)
    assert np.mean(answered.new.argmax(axis=1)[rest] == y[rest]) >= 0.9
    (again,) = METHODS["fine-tune"].answers(task, [labelled], [0])
    assert np.array_equal(again.new, answered.new)


def test_pairs_name_it():
    pair = Pair(codes="timm:resnet18", method="fine-tune", recipe={"layers": "all"})
    assert pair.name == "resnet18.fine-tune"
    assert pair.words == "fine-tuning the encoder of resnet18"
    assert pair.trained_by() == ON_PRETRAINED.model_copy(update={"layers": "all"})
    with pytest.raises(ValueError, match="trains the network of a timm encoder"):
        Pair(codes="onnx:own.onnx", method="fine-tune")
    with pytest.raises(StudyError, match="is none of"):
        parse(
            "title: a\nruns: {}\nquestions:\n  - label-efficiency: {pairs: [{codes: 'timm:a', "
            "method: fine-tune, recipe: {layers: some}}]}",
            "study",
        )


def test_what_learned_on_is_an_encoder_of_its_own(problem, source, pictures, tmp_path):
    """Its features are what the trained network makes of pictures; the one it came from stays."""
    network, inputs, features, labelled = problem
    model = fine_tune(inputs, features, labelled, 2, network, recipe=QUICK, seed=0)
    weights = {name: value.numpy() for name, value in model.encoder.network.state_dict().items()}
    tuned = elsewhere.learned_on(open_encoder(source), weights, tmp_path)
    x = of_pictures(pictures[0])
    with torch.inference_mode():
        expected = model.encoder(torch.from_numpy(inputs.scaled(np.arange(len(x))))).numpy()
    np.testing.assert_allclose(np.asarray(tuned.features(x)), expected, rtol=2e-3, atol=2e-3)
    assert not np.allclose(expected, features, atol=1e-2)
    known = elsewhere.described(tuned, include=True)
    assert known.included == ("test_resnet-32-fine-tuned.safetensors",)
    assert known.source == "timm:test_resnet@test_resnet-32-fine-tuned.safetensors,size=32"
    again = elsewhere.opened(known, tmp_path)
    assert again.about.key == tuned.about.key != open_encoder(source).about.key


def test_networks_of_timm_are_tried_frozen_and_fine_tuned():
    question = Encoders(codes=("pixels", "timm:resnet18", "onnx:a.onnx", "features:f.npy"))
    assert [p.name for p in question.tried if p.method == "fine-tune"] == ["resnet18.fine-tune"]
    assert question.trained_encoders() == ("timm:resnet18",)
    assert not Encoders(codes=("timm:resnet18",), fine_tuned=False).trained_encoders()


def test_there_are_no_labels_in_inputs():
    assert Inputs(np.zeros((1, 3, 2, 2), np.uint8), Reading((2, 2))).labels is None


@pytest.fixture(scope="module")
def learned(source, pictures, command, tmp_path_factory):
    """What ``tacit learn`` leaves of a network that it was asked to train on, and nothing else."""
    folder = tmp_path_factory.mktemp("learned")
    x, y = pictures
    (folder / "pictures").mkdir()
    for number, picture in enumerate(x):
        picture.save(folder / "pictures" / f"{number:02d}.png")
    labels = "\n".join(f"{i:02d}.png,{'ab'[y[i]]}" for i in range(12))
    (folder / "labels.csv").write_text(f"path,label\n{labels}\n")
    words = ["learn", str(folder / "pictures"), "--labels", str(folder / "labels.csv")]
    words += ["--encoder", source, "--pairs", "test_resnet-32.fine-tune", "--size", "8"]
    command(*words, "--jobs", "1", "--out", str(folder / "few"))
    return folder


@pytest.mark.slow
def test_what_was_fine_tuned_is_saved_whole_and_predicts_the_same(learned, source, tmp_path):
    model = shutil.copytree(learned / "few" / "model", tmp_path / "model")
    (held,) = (model / "encoder").iterdir()
    assert held.name == "test_resnet-32-fine-tuned.safetensors"
    before = load_file(source.partition("@")[2].partition(",")[0])
    after = load_file(held)
    assert any(not torch.equal(after[name], before[name]) for name in after)
    with (learned / "few" / "predictions.csv").open() as stream:
        expected = list(csv.DictReader(stream))
    trained = tacit.load(model)
    found = trained.predict_proba(sorted((learned / "pictures").iterdir()))
    for row, probabilities in zip(expected, found, strict=True):
        assert trained.class_names[probabilities.argmax()] == row["prediction"]
        assert probabilities.max() == pytest.approx(float(row["confidence"]), abs=2e-3)
    known = trained.about.encoder
    assert known.trained_on == "not stated in the file; then on 12 labelled pictures"
    assert str(learned) not in (model / "config.json").read_text()
    trained.save(tmp_path / "again")
    assert (tmp_path / "again" / "encoder" / held.name).is_file()


@pytest.mark.slow
def test_the_encoder_of_a_saved_classifier_is_opened_once(learned, monkeypatch):
    opened = []

    def counted(*given, **more):
        opened.append(given)
        return elsewhere.opened(*given, **more)

    monkeypatch.setattr(classifier, "opened", counted)
    paths = sorted((learned / "pictures").iterdir())
    estimator = tacit.Classifier.from_pretrained(learned / "few" / "model")
    first = estimator.predict_proba(paths)
    assert np.array_equal(estimator.predict_proba(paths), first)
    again = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(again.predict_proba(paths), first)
    assert len(opened) == 2  # once each


@pytest.mark.slow
def test_the_study_of_encoders_tries_each_frozen_and_fine_tuned(source, learned, command, tmp_path):
    """Networks are opened in the workers, and trained on what lies in the study's folder."""
    text = f"""
title: frozen and fine-tuned
images: {{source: {learned / "pictures"}, size: 8, channels: gray}}
runs: {{}}
questions:
  - encoders:
      codes: [pixels, "{source}"]
      methods: [logistic]
      budgets: [2]
      draws: 2
"""
    (learned / "pictures" / "labels.csv").write_text(
        "path,label,split\n"
        + "\n".join(f"{i:02d}.png,{'ab'[i % 2]},{'test' if i > 29 else 'train'}" for i in range(40))
    )
    study = tmp_path / "both.yaml"
    study.write_text(text)
    try:
        command("run", str(study), "--jobs", "2", "--out", str(tmp_path))
    finally:
        (learned / "pictures" / "labels.csv").unlink()
    with (tmp_path / "both" / "tables" / "encoders-trials.csv").open() as stream:
        (row, *_) = csv.DictReader(stream)
    for pair in ("test_resnet-32.fine-tune", "test_resnet-32.logistic", "pixels.logistic"):
        assert 0 <= float(row[f"{pair}.test"]) <= 1
    assert "pixels.fine-tune.test" not in row
