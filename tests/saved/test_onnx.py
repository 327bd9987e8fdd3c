"""What the exporter refuses: a missing extra, a graph that computes something else."""

import sys

import numpy as np
import pytest

import tacit
import tacit.saved.onnx
from tacit.saved.onnx import OnnxError, export

X = np.random.default_rng(0).random((20, 8, 8))


@pytest.fixture(scope="module")
def vae():
    return tacit.VAE(latent_dim=2, epochs=1, updates=1, posterior="per_image").fit(X)


def test_a_missing_extra_is_named_before_any_work(vae, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(OnnxError, match=r"onnxruntime: not installed.*pip install 'tacit\[onnx\]'"):
        export(vae, tmp_path / "out", X)
    assert not (tmp_path / "out").exists()


def test_a_file_that_computes_something_else_is_not_written(vae, tmp_path, monkeypatch) -> None:
    whole = tacit.saved.onnx._export_graph

    def other(graph, path) -> None:
        moved = tacit.VAE(latent_dim=2, epochs=1, updates=1, random_state=1).fit(X)
        decoder = tacit.saved.onnx._Decoder(moved.model_, moved.form_)
        whole(graph._replace(module=decoder), path)

    monkeypatch.setattr(tacit.saved.onnx, "_export_graph", other)
    with pytest.raises(OnnxError, match=r"decoder\.onnx differs from PyTorch by .* not written"):
        export(vae, tmp_path, X)
    assert not list(tmp_path.iterdir())


def test_what_has_no_graph_is_refused(vae, tmp_path) -> None:
    with pytest.raises(TypeError, match="neither a TrainedModel nor a fitted estimator"):
        export("vae", tmp_path, X)
    with pytest.raises(ValueError, match="no image to check"):
        export(vae, tmp_path, X[:0])
