"""Real weights, by timm and by ONNX, against a loop that anybody would write."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import tacit
from tacit.cli import run_command
from tacit.commands.originals import originals_of
from tacit.encoders import making
from tacit.encoders.opening import open_encoder
from tacit.encoders.recipe import Recipe
from tacit.errors import EncoderError, ImagesError
from tacit.saved.onnx import export_on_features

SIZE = 64
TIMM = "timm:tf_efficientnet_lite0"
NORMALISED = "mean=0.5,sd=0.5,crop=0.875"


def found(folder):
    return originals_of(str(folder), None, False, None, lambda done, total: None)


@pytest.fixture
def reference(timm, network, photographs):
    from timm.data import create_transform

    how = create_transform(
        (3, SIZE, SIZE), interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3, crop_pct=0.875
    )
    files = sorted(photographs.rglob("*.[pj]*"))
    inputs = torch.stack([how(Image.open(file).convert("RGB")) for file in files])
    with torch.inference_mode():
        return network(inputs).numpy()


def close(features, reference) -> bool:
    """To what float16 leaves."""
    return bool(np.allclose(np.asarray(features, np.float32), reference, rtol=2e-3, atol=1e-3))


def test_timm_gives_what_a_plain_loop_gives(timm, weights, photographs, reference):
    encoder = open_encoder(f"{TIMM}@{weights},size={SIZE}")
    features = encoder.features(found(photographs).originals)
    assert features.shape == (12, 1280)
    assert close(features, reference)
    about = encoder.about
    assert about.n_features == 1280
    assert "not stated" in about.licence
    assert about.recipe is not None
    assert about.recipe.size == (SIZE, SIZE)


def test_weights_under_other_names_are_put_in_by_order_where_that_is_said(
    timm, published, photographs, reference
):
    with pytest.raises(EncoderError, match=r"245 missing.*,by=order"):
        open_encoder(f"{TIMM}@{published},size={SIZE}")
    encoder = open_encoder(f"{TIMM}@{published},size={SIZE},by=order")
    assert close(encoder.features(found(photographs).originals), reference)


def test_an_onnx_file_gives_the_same(graph, photographs, reference):
    encoder = open_encoder(f"onnx:{graph},{NORMALISED}")
    assert close(encoder.features(found(photographs).originals), reference)


def test_the_faster_engine_gives_the_same(
    timm, graph, weights, photographs, reference, monkeypatch
):
    from tacit.encoders import engines
    from tacit.encoders import timm as by_timm

    monkeypatch.setattr(by_timm, "FEW", 1)
    monkeypatch.setattr(engines, "_seconds", lambda engine, x: engine.name == "PyTorch")
    encoder = open_encoder(f"{TIMM}@{weights},size={SIZE}")
    assert close(encoder.features(found(photographs).originals), reference)
    assert making.store_of(encoder.about).notes["engine"] == "onnxruntime"


def test_features_are_made_once_and_interrupted_work_goes_on(
    timm, weights, photographs, reference, monkeypatch
):
    monkeypatch.setattr(making, "BATCH", 3)
    encoder = open_encoder(f"{TIMM}@{weights},size={SIZE}")

    def stop(done: int, total: int) -> None:
        assert total == 12
        if done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoder.features(found(photographs).originals, stop)
    told: list[tuple[int, int]] = []
    features = encoder.features(found(photographs).originals, lambda *done: told.append(done))
    assert told == [(3, 6), (6, 6)]
    assert close(features, reference)
    again = encoder.features(found(photographs).originals, lambda *done: told.append(done))
    assert len(told) == 2
    assert np.array_equal(np.asarray(again), np.asarray(features))


def test_a_picture_that_moved_or_was_copied_is_not_encoded_again(timm, weights, photographs):
    encoder = open_encoder(f"{TIMM}@{weights},size={SIZE}")
    first = np.asarray(encoder.features(found(photographs).originals))
    (photographs / "ant" / "0.png").rename(photographs / "bee" / "zero.png")
    (photographs / "ant" / "copy.png").write_bytes((photographs / "bee" / "0.png").read_bytes())
    told: list[int] = []
    moved = found(photographs).originals
    features = np.asarray(encoder.features(moved, lambda done, total: told.append(done)))
    assert not told
    assert np.array_equal(features[list(moved.names).index("bee/zero.png")], first[0])


def test_a_changed_picture_is_named(timm, weights, photographs):
    encoder = open_encoder(f"{TIMM}@{weights},size={SIZE}")
    originals = found(photographs).originals
    (photographs / "bee" / "4.png").write_bytes(b"no picture")
    with pytest.raises(ImagesError, match=r"bee/4.png changed while it was read"):
        encoder.features(originals)


def test_other_weights_are_refused_with_their_differences(timm, weights, tmp_path):
    with pytest.raises(EncoderError, match=r"no weights of 'resnet10t': .* missing: .* unknown: "):
        open_encoder(f"timm:resnet10t@{weights}")
    tensors = load_file(weights)
    tensors["conv_stem.weight"] = tensors["conv_stem.weight"][:, :1].contiguous()
    other = tmp_path / "other.safetensors"
    save_file(tensors, other)
    with pytest.raises(EncoderError, match=r"1 of another shape: conv_stem.weight is \(32, 1, 3"):
        open_encoder(f"{TIMM}@{other}")
    del tensors["conv_stem.weight"]
    save_file(tensors, other)
    with pytest.raises(EncoderError, match=r"1 missing: conv_stem.weight$"):
        open_encoder(f"{TIMM}@{other}")


def test_what_timm_has_not_is_named(timm):
    with pytest.raises(EncoderError, match="no architecture 'resnet81'; did you mean"):
        open_encoder("timm:resnet81")
    with pytest.raises(EncoderError, match=r"no weights 'resnet18.mine'; of resnet18 there are: "):
        open_encoder("timm:resnet18.mine")


def test_offline_the_file_to_bring_is_named(timm, monkeypatch, tmp_path):
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        EncoderError,
        match=r"bring the file model.safetensors of timm/tf_efficientnet_lite0.in1k .*@PATH/model",
    ):
        open_encoder(TIMM)


def test_opening_moves_no_random_numbers(timm, weights):
    before = torch.random.get_rng_state()
    open_encoder(f"{TIMM}@{weights},size={SIZE}")
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_command_writes_what_it_reads_again(graph, photographs, tmp_path, capsys):
    table, rows = tmp_path / "codes.csv", tmp_path / "codes.npy"
    own = ["encode", str(photographs), "--encoder", f"onnx:{graph},{NORMALISED}", "--out"]
    assert run_command([*own, str(table)]) == 0
    assert "1,280 features" in " ".join(capsys.readouterr().err.split())
    assert run_command([*own, str(rows)]) == 0
    for file in (table, rows):
        back = tmp_path / "back.npy"
        given = ["encode", str(photographs), "--encoder", f"features:{file}", "--out", str(back)]
        assert run_command(given) == 0
        assert np.array_equal(np.load(back), np.load(rows))
    header = table.read_text().split("\n", 1)[0]
    assert header.startswith("path,label,code_0,")


def test_the_command_says_what_does_not_go_together(graph, capsys):
    encoder = ["--encoder", f"onnx:{graph},{NORMALISED}"]
    assert run_command(["encode", "digits", *encoder, "--run", "vae"]) == 2
    assert "--run, --seed, --draw, --epoch are of a study" in " ".join(
        capsys.readouterr().err.split()
    )
    assert run_command(["encode", "x", *encoder, "--images", "digits"]) == 2
    assert "named first" in " ".join(capsys.readouterr().err.split())


def test_a_classifier_is_saved_and_exported_with_its_network(timm, weights, photographs, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    kept = shutil.copy(weights, tmp_path / "lite0.safetensors")
    paths = sorted(photographs.rglob("*.*"))
    y = [path.parent.name for path in paths]
    source = f"timm:tf_efficientnet_lite0@{kept},size=64"
    learned = tacit.Classifier(source, min_updates=50, max_epochs=1, device="cpu").fit(paths, y)
    learned.save_pretrained(tmp_path / "model")
    model = tacit.load(tmp_path / "model")
    assert np.allclose(model.predict_proba(paths), learned.predict_proba(paths), atol=1e-5)
    (exported,) = export_on_features(model, tmp_path / "onnx", paths, include_encoder=True)
    session = runtime.InferenceSession(str(exported.path))
    recipe = json.loads(session.get_modelmeta().custom_metadata_map["tacit.recipe"])
    assert recipe["size"] == [64, 64]
    whole = np.stack([Recipe(**_tuples(recipe)).apply(Image.open(path)) for path in paths])
    (found,) = session.run(None, {"pictures": whole})
    assert np.abs(found - model.predict_proba(paths)).max() < 0.01


def _tuples(recipe):
    return {k: tuple(v) if isinstance(v, list) else v for k, v in recipe.items()}
