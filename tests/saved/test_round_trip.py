"""Each kind of model through its file and through ONNX, in a process that never saw it."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tacit
from tacit.onnx import export
from tacit.trained import TrainedModel

TINY = {"n_code": 3, "epochs": 1, "updates": 20}
MAKE = {
    "autoencoder": lambda: tacit.Autoencoder(**TINY),
    "vae": lambda: tacit.VAE(**TINY),
    "per-image": lambda: tacit.VAE(**TINY, posterior="per_image"),
    "classifier": lambda: tacit.Classifier(**TINY),
    "values": lambda: tacit.Autoencoder(**TINY),
}

FRESH = """
import sys, numpy as np, onnxruntime
folder, out = sys.argv[1:]
x = np.load(f"{folder}/new.npz")["images"]

def run(name, file, given):
    session = onnxruntime.InferenceSession(f"{folder}/{name}-onnx/{file}.onnx")
    (node,) = session.get_inputs()
    (found,) = session.run(None, {node.name: given.astype(np.float32)})
    return found

# First with onnxruntime alone, where there is neither PyTorch nor tacit.
images, found = (x / 255)[:, None], {}
for name in ("autoencoder", "vae"):
    found[f"{name}-onnx-codes"] = codes = run(name, "encoder", images)
    found[f"{name}-onnx-decoded"] = run(name, "decoder", codes)
found["per-image-onnx-decoded"] = run("per-image", "decoder", np.ones((4, 3)))
found["classifier-onnx-probabilities"] = run("classifier", "classifier", images)
found["classifier-onnx-codes"] = run("classifier", "encoder", images)
flat = x.reshape(len(x), -1)
found["values-onnx-codes"] = codes = run("values", "encoder", flat)
found["values-onnx-decoded"] = run("values", "decoder", codes)
assert "torch" not in sys.modules and "tacit" not in sys.modules

import tacit
for name in ("autoencoder", "vae", "per-image"):
    model = tacit.load(f"{folder}/{name}")
    found[f"{name}-codes"] = codes = model.encode(x)
    found[f"{name}-decoded"] = model.decode(codes)
found["vae-log-prob"] = tacit.load(f"{folder}/vae").log_prob(x, n_samples=50).log_prob
found["classifier-probabilities"] = tacit.load(f"{folder}/classifier").predict_proba(x)
loaded = tacit.Autoencoder.from_pretrained(f"{folder}/values")
found["values-codes"] = codes = loaded.transform(flat)
found["values-decoded"] = loaded.inverse_transform(codes)
np.savez(out, **found)
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Models by name, new images, and what another process computed from files alone."""
    folder = tmp_path_factory.mktemp("round-trip")
    data = load_digits()
    x, y = np.rint(data.images * 255 / 16).astype(np.uint8), data.target
    new = x[-10:]
    np.savez(folder / "new.npz", images=new)
    models = {}
    for name, make in MAKE.items():
        rows = x.reshape(len(x), -1) if name == "values" else x
        models[name] = make().fit(rows[:100], y[:100])
        models[name].save_pretrained(folder / name)
        exported = export(models[name], folder / f"{name}-onnx", rows[100:140])
        assert all(file.difference < 1e-4 and file.n for file in exported)
    out = folder / "found.npz"
    code = [sys.executable, "-W", "error", "-c", textwrap.dedent(FRESH), str(folder), str(out)]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, models, new, np.load(out)


def close(found, expected) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["autoencoder", "vae"])
def test_codes_and_images(kind, fresh) -> None:
    _, models, new, found = fresh
    codes = models[kind].transform(new)
    decoded = models[kind].inverse_transform(codes)[:, None]
    for way in ("codes", "onnx-codes"):
        close(found[f"{kind}-{way}"], codes)
    for way in ("decoded", "onnx-decoded"):
        close(found[f"{kind}-{way}"], decoded)


def test_codes_that_are_optimised(fresh) -> None:
    folder, models, new, found = fresh
    model = models["per-image"]
    here = TrainedModel.from_pretrained(folder / "per-image")
    close(found["per-image-codes"], here.encode(new))
    close(found["per-image-decoded"][:, 0], model.inverse_transform(found["per-image-codes"]))
    close(found["per-image-onnx-decoded"][:, 0], model.inverse_transform(np.ones((4, 3))))


def test_probabilities(fresh) -> None:
    _, models, new, found = fresh
    expected = models["classifier"].predict_proba(new)
    close(found["classifier-probabilities"], expected)
    close(found["classifier-onnx-probabilities"], expected)


def test_values_in_their_own_units(fresh) -> None:
    _, models, new, found = fresh
    flat = new.reshape(len(new), -1)
    codes = models["values"].transform(flat)
    for way in ("codes", "onnx-codes"):
        close(found[f"values-{way}"], codes)
    for way in ("decoded", "onnx-decoded"):
        close(found[f"values-{way}"], models["values"].inverse_transform(codes))


def test_log_probabilities(fresh) -> None:
    folder, _, new, found = fresh
    expected = tacit.load(folder / "vae").log_prob(new, n_samples=50).log_prob
    close(found["vae-log-prob"], expected)
