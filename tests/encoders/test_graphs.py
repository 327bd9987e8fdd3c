"""ONNX files that are no encoders, or not yet: each says why, and what to say."""

import numpy as np
import pytest

from tacit.commands.originals import originals_of
from tacit.encoders.opening import open_encoder
from tacit.errors import EncoderError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto  # noqa: E402

from onnx_graphs import saved  # noqa: E402

SAID = ",mean=0,sd=1"


def opened(source):
    return open_encoder(source + SAID)


def test_bytes_and_metadata_say_the_recipe(tmp_path):
    metadata = {
        "mean": "[0.1, 0.2, 0.3]",
        "std": "0.5,0.5,0.5",
        "crop_pct": "0.9",
        "license": "MIT",
        "dataset": "beetles",
    }
    about = open_encoder(saved(tmp_path / "e.onnx", metadata=metadata)).about
    assert about.recipe is not None
    assert about.recipe.mean == (0.1, 0.2, 0.3)
    assert about.recipe.sd == (0.5, 0.5, 0.5)
    assert (about.recipe.crop, about.recipe.size) == (0.9, (8, 8))
    assert (about.licence, about.trained_on, about.n_features) == ("MIT", "beetles", 4)
    said = open_encoder(saved(tmp_path / "e.onnx", metadata=metadata) + ",mean=0").about
    assert said.recipe is not None
    assert said.recipe.mean == (0, 0, 0)
    raw = open_encoder(saved(tmp_path / "b.onnx", kind=TensorProto.UINT8)).about
    assert raw.recipe is not None
    assert raw.recipe.raw


@pytest.mark.parametrize("sides", [("n", 3, 8, 8), (1, 3, 8, 8), ("n", 8, 8, 3), (1, 8, 8, 3)])
def test_layouts_and_fixed_batches(tmp_path, photographs, sides):
    originals = originals_of(str(photographs), None, False, None, lambda *done: None).originals
    features = np.asarray(opened(saved(tmp_path / "e.onnx", sides=sides)).features(originals))
    means = features[:, 0].astype(np.float32)
    assert np.allclose(features, means[:, None] * [1, 2, 3, 4], rtol=2e-3)
    assert 0 < means.min() < means.max() < 192


def test_what_is_no_graph_is_named(tmp_path):
    path = tmp_path / "e.onnx"
    with pytest.raises(EncoderError, match="no such ONNX file"):
        opened(f"onnx:{path}")
    for content in (b"", b"\x80\x04nothing", b"x" * 1000):
        path.write_bytes(content)
        with pytest.raises(EncoderError, match="is no ONNX model"):
            opened(f"onnx:{path}")


def test_what_it_does_not_say_is_asked_for(tmp_path):
    with pytest.raises(EncoderError, match="does not say which mean and sd"):
        open_encoder(saved(tmp_path / "e.onnx"))
    with pytest.raises(EncoderError, match=r"say it: onnx:.*,size=224"):
        opened(saved(tmp_path / "e.onnx", sides=("n", 3, "h", "w")))
    with pytest.raises(EncoderError, match="layout=nchw or layout=nhwc"):
        opened(saved(tmp_path / "e.onnx", sides=("n", "c", "h", "w")) + ",size=8")
    with pytest.raises(EncoderError, match="size is 9×9, but its input is 8×8"):
        opened(saved(tmp_path / "e.onnx") + ",size=9")


def test_several_outputs_and_inputs_are_named(tmp_path):
    source = saved(tmp_path / "e.onnx", outputs=("a", "b"))
    with pytest.raises(EncoderError, match=r"gives 2 outputs, a, b; .*output=b"):
        opened(source)
    assert opened(source + ",output=b").about.n_features == 4
    with pytest.raises(EncoderError, match=r"output is 'c'; e.onnx has a, b"):
        opened(source + ",output=c")
    with pytest.raises(EncoderError, match=r"reads 2 inputs \(pictures, more\)"):
        opened(saved(tmp_path / "e.onnx", more_inputs=("more",)))


def test_other_inputs_and_outputs_are_refused(tmp_path):
    with pytest.raises(EncoderError, match="FLOAT of 2 sides; pictures are"):
        opened(saved(tmp_path / "e.onnx", sides=("n", 192)))
    with pytest.raises(EncoderError, match="is DOUBLE of 4 sides"):
        opened(saved(tmp_path / "e.onnx", kind=TensorProto.DOUBLE))
    with pytest.raises(EncoderError, match=r"is of shape \(1, 3, 8, 8\) for one picture"):
        opened(saved(tmp_path / "e.onnx", flat=False))
    with pytest.raises(EncoderError, match="reads 7 channels as nchw"):
        opened(saved(tmp_path / "e.onnx", sides=("n", 7, 8, 8)) + ",layout=nchw")


def test_operators_of_its_own_are_refused(tmp_path):
    with pytest.raises(EncoderError, match=r"operators of its own, evil.MatMul"):
        opened(saved(tmp_path / "e.onnx", domain="evil"))


@pytest.mark.parametrize("where", ["/etc/hostname", "../outside.bin", "a/../../outside.bin"])
def test_weights_outside_its_folder_are_refused(tmp_path, where):
    (tmp_path / "in").mkdir()
    (tmp_path / "outside.bin").write_bytes(bytes(192 * 4 * 4))
    with pytest.raises(EncoderError, match="outside its folder"):
        opened(saved(tmp_path / "in" / "e.onnx", external=where))


def test_weights_beside_it_belong_to_its_hash(tmp_path):
    source = saved(tmp_path / "e.onnx", external="w.bin")
    with pytest.raises(EncoderError, match=r"'w.bin', which is not there"):
        opened(source)
    (tmp_path / "w.bin").write_bytes(bytes(192 * 4 * 4))
    first = opened(source).about
    (tmp_path / "w.bin").write_bytes(np.ones(192 * 4, np.float32).tobytes())
    assert opened(source).about.key != first.key


def test_a_link_out_of_its_folder_is_outside(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "outside.bin").write_bytes(bytes(192 * 4 * 4))
    (tmp_path / "in" / "w.bin").symlink_to(tmp_path / "outside.bin")
    with pytest.raises(EncoderError, match="outside its folder"):
        opened(saved(tmp_path / "in" / "e.onnx", external="w.bin"))
