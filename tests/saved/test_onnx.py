"""What the exporter refuses: a missing extra, a graph that computes something else."""

import json
import sys

import numpy as np
import onnxruntime
import pytest

import tacit
import tacit.onnx
import tacit.saved.onnx
from tacit.saved.onnx import OnnxError, export

X = np.random.default_rng(0).random((20, 8, 8))


@pytest.fixture(scope="module")
def vae():
    return tacit.VAE(n_components=2, max_epochs=1, min_updates=1, posterior="per_image").fit(X)


def test_a_missing_extra_is_named_before_any_work(vae, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(OnnxError, match=r"onnxruntime: not installed.*pip install 'tacit\[onnx\]'"):
        export(vae, tmp_path / "out", X)
    assert not (tmp_path / "out").exists()


def test_a_file_that_computes_something_else_is_not_written(vae, tmp_path, monkeypatch) -> None:
    whole = tacit.saved.onnx.export_onnx

    def other(module, *how, **more) -> None:
        moved = tacit.VAE(n_components=2, max_epochs=1, min_updates=1, random_state=1).fit(X)
        whole(tacit.saved.onnx._Decoder(moved.model_, moved.form_), *how, **more)

    monkeypatch.setattr(tacit.saved.onnx, "export_onnx", other)
    with pytest.raises(OnnxError, match=r"decoder\.onnx differs from the model by .* not written"):
        export(vae, tmp_path, X)
    assert not list(tmp_path.iterdir())


def test_what_has_no_graph_is_refused(vae, tmp_path) -> None:
    with pytest.raises(TypeError, match="neither a TrainedModel nor a fitted estimator"):
        export("vae", tmp_path, X)
    with pytest.raises(ValueError, match="no image to check"):
        export(vae, tmp_path, X[:0])


@pytest.mark.parametrize(("far", "fine"), [(0.0, True), (300.0, True), (1e6, False)])
def test_a_file_is_held_to_what_transform_gives(far, fine, tmp_path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3)) + far
    model = tacit.Autoencoder(
        n_components=2, max_epochs=1, min_updates=200, learning_rate=0.01
    ).fit(rows)
    if not fine:
        # float32 has steps of 0.06 there: standardised in float32, all would seem to be well.
        with pytest.raises(OnnxError, match=r"differs from the model by .* learn from values less"):
            export(model, tmp_path, rows)
        assert not list(tmp_path.iterdir())
        return
    export(model, tmp_path, rows)
    run = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx")).run
    (codes,) = run(None, {"values": rows.astype(np.float32)})
    np.testing.assert_allclose(codes, model.transform(rows), atol=1e-4)
    run = onnxruntime.InferenceSession(str(tmp_path / "decoder.onnx")).run
    (back,) = run(None, {"code": codes})
    np.testing.assert_allclose(back, model.inverse_transform(codes), atol=2e-4)


@pytest.mark.parametrize("names", [["caff\u00e8", "dog"], [3, 7]])
def test_a_file_says_its_classes_its_input_and_its_version(names, tmp_path) -> None:
    model = tacit.Classifier(n_components=2, max_epochs=1, min_updates=2).fit(
        X, np.repeat(names, 10)
    )
    tacit.onnx.export(model, tmp_path, X)
    session = onnxruntime.InferenceSession(str(tmp_path / "classifier.onnx"))
    known = session.get_modelmeta()
    assert json.loads(known.custom_metadata_map["tacit.classes"]) == names
    assert known.custom_metadata_map["tacit.input"] == "float32 (batch, 1, 8, 8), in [0, 1]"
    assert "float32 (batch, 2), probabilities" in known.custom_metadata_map["tacit.output"]
    assert known.custom_metadata_map["tacit.version"] == tacit.__version__
    assert known.producer_name == "tacit"
    (p,) = session.run(None, {"images": X[:, None].astype(np.float32)})
    np.testing.assert_allclose(p, model.predict_proba(X), atol=1e-5)
