"""Each kind of model through its file and through ONNX, in a process that never saw it."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tacit
from tacit.estimators.base import NetworkEstimator
from tacit.saved.onnx import export
from tacit.saved.trained import TrainedModel

TINY: dict[str, Any] = {"n_components": 3, "max_epochs": 1, "min_updates": 20}
DENSE = {"kind": "dense", "hidden": [16]}
CASES: dict[str, tuple[str, Callable[[], NetworkEstimator]]] = {
    "autoencoder": ("gray", lambda: tacit.Autoencoder(**TINY)),
    "autoencoder-dense": ("rgb", lambda: tacit.Autoencoder(**TINY, network=DENSE)),
    "autoencoder-values": ("values", lambda: tacit.Autoencoder(**TINY)),
    "vae": ("gray", lambda: tacit.VAE(**TINY)),
    "vae-rgb": ("rgb", lambda: tacit.VAE(**TINY, sigma=None)),
    "vae-dense-bernoulli": (
        "gray",
        lambda: tacit.VAE(**TINY, network=DENSE, likelihood="bernoulli"),
    ),
    "vae-values": ("values", lambda: tacit.VAE(**TINY)),
    "per-image": ("gray", lambda: tacit.VAE(**TINY, posterior="per_image")),
    "per-image-rgb": ("rgb", lambda: tacit.VAE(**TINY, posterior="per_image")),
    "per-image-values": ("values", lambda: tacit.VAE(**TINY, posterior="per_image")),
    "classifier": ("gray", lambda: tacit.Classifier(**TINY)),
    "classifier-pool": ("rgb", lambda: tacit.Classifier(**TINY, network="pool")),
    "classifier-dense": ("gray", lambda: tacit.Classifier(**TINY, network=DENSE)),
    "classifier-values": ("values", lambda: tacit.Classifier(**TINY)),
}

FAST = ("autoencoder", "autoencoder-values", "vae-rgb", "per-image", "classifier-pool")
"""One of each kind, with every form of input, goes through in every run of the tests."""

FRESH = """
import json, sys
from pathlib import Path

import numpy as np, onnxruntime

folder, cases = Path(sys.argv[1]), json.loads(sys.argv[2])
new = np.load(folder / "new.npz")
found = {}

def run(case, file, given):
    session = onnxruntime.InferenceSession(str(folder / f"{case}-onnx" / f"{file}.onnx"))
    (node,) = session.get_inputs()
    (found,) = session.run(None, {node.name: given.astype(np.float32)})
    return found

# First with onnxruntime alone, where there is neither PyTorch nor tacit.
for case, form in cases.items():
    x = new[form]
    if form != "values":
        x = (x / 255)[:, None] if form == "gray" else np.moveaxis(x / 255, 3, 1)
    files = {path.stem for path in (folder / f"{case}-onnx").iterdir()}
    codes = np.ones((4, 3))
    if "encoder" in files:
        found[f"{case}/onnx-codes"] = codes = run(case, "encoder", x)
    if "decoder" in files:
        found[f"{case}/onnx-decoded"] = run(case, "decoder", codes)
    if "classifier" in files:
        found[f"{case}/onnx-probabilities"] = run(case, "classifier", x)
assert "torch" not in sys.modules and "tacit" not in sys.modules

import tacit
for case, form in cases.items():
    kind = {"autoencoder": "Autoencoder", "classifier": "Classifier"}.get(case.split("-")[0], "VAE")
    estimator, x = getattr(tacit, kind).from_pretrained(folder / case), new[form]
    if kind == "Classifier":
        found[f"{case}/probabilities"] = estimator.predict_proba(x)
    else:
        found[f"{case}/codes"] = codes = estimator.transform(x)
        found[f"{case}/decoded"] = estimator.inverse_transform(codes)
    if kind == "VAE":
        found[f"{case}/log-prob"] = estimator.score_samples(x)
    if form != "values":
        model = tacit.load(folder / case)
        found[f"{case}/loaded-codes"] = codes = model.encode(x)
        if kind == "Classifier":
            found[f"{case}/loaded-probabilities"] = model.predict_proba(x)
        else:
            found[f"{case}/loaded-decoded"] = model.decode(codes)
        if kind == "VAE":
            found[f"{case}/loaded-log-prob"] = model.log_prob(x, n_samples=50).log_prob
np.savez(folder / "found.npz", **found)
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Of a case: folder, models, new images, and what another process computed from files."""
    made = {}

    def of(case):
        slow = case not in FAST
        if slow not in made:
            cases = [name for name in CASES if (name not in FAST) == slow]
            made[slow] = through_files(cases, tmp_path_factory.mktemp("round-trip"))
        return made[slow]

    return of


def through_files(cases, folder):
    """Fit, save and export; and let a fresh process compute with what was written."""
    data = load_digits()
    gray, y = np.rint(data.images * 255 / 16).astype(np.uint8), data.target
    rows = {
        "gray": gray,
        "rgb": np.stack([gray, gray[:, ::-1], 255 - gray], axis=3),
        "values": gray.reshape(len(gray), -1) * 3.0,
    }
    new = {form: x[-4:] for form, x in rows.items()}
    np.savez(folder / "new.npz", **new)
    models = {}
    for case in cases:
        form, make = CASES[case]
        x = rows[form]
        models[case] = make().fit(x[:100], y[:100])
        models[case].save_pretrained(folder / case)
        exported = export(models[case], folder / f"{case}-onnx", x[100:140])
        assert all(file.difference < 1e-4 and file.n for file in exported)
    forms = json.dumps({case: CASES[case][0] for case in cases})
    code = [sys.executable, "-W", "error", "-c", textwrap.dedent(FRESH), str(folder), forms]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, models, new, np.load(folder / "found.npz")


def close(found, expected) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def channels_first(images, form):
    if form == "values":
        return images
    return images[:, None] if form == "gray" else np.moveaxis(images, 3, 1)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in FAST else pytest.mark.slow) for case in CASES],
)
def test_from_files_alone_come_the_same_numbers(case, fresh) -> None:
    folder, models, new, found = fresh(case)
    form, model = CASES[case][0], models[case]
    x = new[form]
    got = {key.split("/")[1]: found[key] for key in found if key.split("/")[0] == case}
    if isinstance(model, tacit.Classifier):
        expected = model.predict_proba(x)
        ways = {"probabilities", "onnx-probabilities"}
        ways |= {"loaded-probabilities"} if form != "values" else set()
        for way in ways:
            close(got.pop(way), expected)
        onnx_codes = got.pop("onnx-codes")
        if form != "values":
            close(got.pop("loaded-codes"), TrainedModel.from_pretrained(folder / case).encode(x))
            close(onnx_codes, TrainedModel.from_pretrained(folder / case).encode(x))
        assert not got
        return
    codes = model.transform(x)
    close(got.pop("codes"), codes)
    close(got.pop("decoded"), model.inverse_transform(codes))
    without_encoder = case.startswith("per-image")
    given = np.ones((4, 3)) if without_encoder else codes
    if not without_encoder:
        close(got.pop("onnx-codes"), codes)
    decoded = channels_first(model.inverse_transform(given), form)
    close(got.pop("onnx-decoded"), decoded)
    if isinstance(model, tacit.VAE):
        close(got.pop("log-prob"), model.score_samples(x))
    if form != "values":
        here = TrainedModel.from_pretrained(folder / case)
        close(got.pop("loaded-codes"), here.encode(x))
        close(got.pop("loaded-decoded"), here.decode(here.encode(x)))
        if isinstance(model, tacit.VAE):
            close(got.pop("loaded-log-prob"), here.log_prob(x, n_samples=50).log_prob)
    assert not got
