"""Models in folders: what is written is what is read, and nothing else is."""

import io
import json
import pickle
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from peak import peak
from tacit.files import Damaged, data_sha256, read_json, write_json, write_record
from tacit.models.config import ModelConfig, build
from tacit.saved.about import About, Data, Measured
from tacit.saved.folder import FORMAT, Saved, load_saved, save
from tacit.saved.form import Form
from tacit.saved.runs import runs_of
from tacit.training.weights import ModelFileError

SHAPE = (1, 8, 8)
KINDS = {
    "autoencoder": {"learn": "autoencoder"},
    "vae": {"learn": "vae"},
    "per-image": {"learn": "vae", "posterior": "per-image", "n_images": 5},
    "learned": {"learn": "vae", "likelihood": {"kind": "gaussian", "learned": True}},
    "bernoulli": {"learn": "vae", "likelihood": "bernoulli", "network": "dense"},
    "classifier": {"learn": "classifier", "n_classes": 3, "network": "pool"},
    "probabilities": {"learn": "autoencoder", "n_classes": 3, "code_is": "probabilities"},
}


def made(kind: str = "vae", **about) -> Saved:
    config = ModelConfig.model_validate({"shape": SHAPE, "latent_dim": 4} | KINDS[kind])
    with torch.random.fork_rng():
        model = build(config)
    return Saved(
        model,
        Form("nchw", SHAPE),
        About(
            model=config,
            classes=("a", "b", "c") if config.n_classes else (),
            data=Data(source="squares", n=5, sha256="0" * 64),
            measured=(Measured(split="test", term="loss", value=1.5, standard_error=0.1, n=40),),
            **about,
        ),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_loaded(kind, tmp_path) -> None:
    saved = made(kind)
    save(tmp_path / "model", saved)
    loaded = load_saved(tmp_path / "model")
    assert loaded.about == saved.about
    given, found = saved.model.state_dict(), loaded.model.state_dict()
    assert given.keys() == found.keys()
    assert all(torch.equal(given[name], found[name]) for name in given)
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert not any(module.training for module in loaded.model.modules())
    assert all(p.device.type == "cpu" for p in loaded.model.parameters())


def test_rows_of_values_bring_their_scale(tmp_path) -> None:
    config = ModelConfig(learn="autoencoder", shape=(1, 1, 2), latent_dim=1, network="dense")
    form = Form.of_values(np.array([[1.0, 1e6], [2.0, 3e6]]))
    about = About(model=config, layout="values", data=Data(source="rows", n=2, sha256="0" * 64))
    save(tmp_path, Saved(build(config), form, about))
    found = load_saved(tmp_path).form
    np.testing.assert_array_equal(found.offset, [1.5, 2e6])
    np.testing.assert_array_equal(found.scale, [0.5, 1e6])


def test_the_card_says_what_it_learned_from_and_how_it_measured(tmp_path) -> None:
    save(tmp_path, made("classifier", training={"updates": 400}))
    text = (tmp_path / "README.md").read_text()
    for expected in ("squares", "0" * 64, "updates: 400", "| test | loss | 1.5 | 0.1 | 40 |"):
        assert expected in text
    assert "Classes: a, b, c." in text


def test_a_folder_of_other_things_is_left_alone(tmp_path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        save(tmp_path, made())
    assert (tmp_path / "README.md").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_model_may_be_replaced(tmp_path) -> None:
    save(tmp_path, made("vae"))
    save(tmp_path, made("classifier"))
    assert load_saved(tmp_path).about.model.learn == "classifier"


@pytest.mark.parametrize("step", range(1, 5))
def test_a_model_that_was_half_saved_does_not_load_and_is_saved_again(
    step: int, tmp_path, monkeypatch
) -> None:
    """The claim on the folder, the weights, the card and the configuration are four files."""
    make, count = tempfile.mkstemp, 0

    def killed(*arguments):
        nonlocal count
        count += 1
        made_file = make(*arguments)
        if count == step:
            monkeypatch.setattr(Path, "unlink", lambda path, missing_ok: None)
            raise KeyboardInterrupt
        return made_file

    monkeypatch.setattr(tempfile, "mkstemp", killed)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, made())
    monkeypatch.undo()
    assert any(path.suffix == ".unfinished" for path in tmp_path.iterdir())
    with pytest.raises(ModelFileError, match=r"is missing|saving it was interrupted"):
        load_saved(tmp_path)
    save(tmp_path, made())
    load_saved(tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    save(tmp_path / "model", made())
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_no_flipped_byte_goes_unseen(name, folder) -> None:
    path = folder / name
    whole = path.read_bytes()
    places = np.random.default_rng(0).integers(len(whole), size=40)
    for place in [0, 7, 8, len(whole) - 1, *places]:
        damaged = bytearray(whole)
        damaged[place] ^= 0x04
        if damaged.decode("latin-1").split() == whole.decode("latin-1").split():
            continue  # one kind of white space for another, in JSON
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=name):
            load_saved(folder)
    path.write_bytes(whole)
    load_saved(folder)


class Runs:
    """Unpickled, it would leave a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    return stream.getvalue()


@pytest.mark.parametrize("wrap", [bytes, zipped], ids=["pickle", "PyTorch's"])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_pickle_in_disguise_is_not_read(name, wrap, folder, tmp_path) -> None:
    mark = tmp_path / "mark"
    (folder / name).write_bytes(wrap(pickle.dumps(Runs(mark))))
    with pytest.raises(ModelFileError, match=name) as refused:
        load_saved(folder)
    assert not mark.exists()
    if name == "model.safetensors":
        assert "pickle" in str(refused.value)


def with_header(path: Path, change) -> None:
    """Rewrite a safetensors file with another header over the same tensors."""
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    text = json.dumps(change(json.loads(whole[8 : 8 + length]))).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + length :])


def larger(header: dict) -> dict:
    name = next(name for name in header if name != "__metadata__")
    header[name]["shape"] = [10**6, 10**6]
    return header


def longer(header: dict) -> dict:
    name = next(name for name in header if name != "__metadata__")
    header[name] |= {"shape": [10**12], "data_offsets": [0, 4 * 10**12]}
    return header


def overlapping(header: dict) -> dict:
    for entry in header.values():
        if "data_offsets" in entry:
            first, last = entry["data_offsets"]
            entry["data_offsets"] = [0, last - first]
    return header


def renamed(header: dict) -> dict:
    name = next(name for name in header if name != "__metadata__")
    return {("other" if key == name else key): value for key, value in header.items()}


def negative(header: dict) -> dict:
    name = next(name for name in header if name != "__metadata__")
    header[name] |= {"shape": [-1], "data_offsets": [4, 0]}
    return header


@pytest.mark.parametrize(
    "lie", [larger, longer, overlapping, renamed, negative, lambda header: [header]]
)
def test_a_header_that_lies_is_refused_with_bounded_memory(lie, folder) -> None:
    with_header(folder / "model.safetensors", lie)
    with peak() as taken, pytest.raises(ModelFileError, match=r"model\.safetensors"):
        load_saved(folder)
    assert taken.megabytes < 50


@pytest.mark.parametrize("length", [2**63, 2**40, 2**21, 0])
def test_a_header_that_lies_about_its_length_is_refused(length, folder) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    with pytest.raises(ModelFileError, match=r"model\.safetensors"):
        load_saved(folder)


def forged(folder: Path, change) -> None:
    """Change the configuration and its checksum with it."""
    config = read_json(folder / "config.json")
    del config["sha256"]
    change(config)
    write_json(folder / "config.json", config | {"sha256": data_sha256(config)})


@pytest.mark.parametrize(
    "model",
    [
        {"latent_dim": 65536, "network": {"kind": "dense", "hidden": [65536, 65536, 65536]}},
        {"shape": [1, 10**9, 10**9]},
        {"n_images": 10**18, "posterior": {"kind": "per-image"}},
        {"shape": [0, 0, 0]},
        {"latent_dim": 5},
        {"latent_dim": "many"},
        {"learn": "classifier", "n_classes": 0},
    ],
    ids=str,
)
def test_a_forged_configuration_takes_no_memory(model, folder) -> None:
    forged(folder, lambda config: config["about"]["model"].update(model))
    with peak() as taken, pytest.raises(ModelFileError):
        load_saved(folder)
    assert taken.megabytes < 50


def test_a_model_of_a_later_version_says_so(folder) -> None:
    forged(folder, lambda config: config.update(format=FORMAT + 1, tacit="9.1.0", new={}))
    with pytest.raises(ModelFileError, match=r"later version, tacit 9\.1\.0 .*formats up to 1"):
        load_saved(folder)


def test_weights_and_configuration_belong_together(folder, tmp_path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        save(tmp_path / "other", made())
    weights = (tmp_path / "other" / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelFileError, match="its checksum does not fit"):
        load_saved(folder)


def test_the_training_data_named_by_weights_and_configuration_are_the_same(folder) -> None:
    forged(folder, lambda config: config["about"]["data"].update(sha256="1" * 64))
    with pytest.raises(ModelFileError, match="different training data"):
        load_saved(folder)


def test_what_is_no_model_folder_is_named(tmp_path, folder) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_saved(tmp_path / "nowhere")
    with pytest.raises(ModelFileError, match=r"config\.json is a file"):
        load_saved(folder / "config.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFileError, match=r"empty holds no model: config\.json is missing"):
        load_saved(tmp_path / "empty")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFileError, match=r"model\.safetensors is missing"):
        load_saved(folder)


def test_a_nested_or_foreign_configuration_is_refused(folder) -> None:
    for text in ("[" * 100_000, "{}", "[1]", "null", '{"format": "1"}', ""):
        (folder / "config.json").write_text(text)
        with pytest.raises(ModelFileError, match=r"config\.json"):
            load_saved(folder)


def test_a_configuration_that_lacks_something_is_named_in_tacits_words(tmp_path) -> None:
    config = {"format": FORMAT, "tacit": "0", "about": {"lern": 1}, "weights_sha256": "0" * 64}
    table = json.dumps(config | {"sha256": data_sha256(config)})
    (tmp_path / "config.json").write_text(table)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelFileError) as caught:
        load_saved(tmp_path)
    said = str(caught.value)
    assert "data: is missing" in said
    assert "lern: unknown key" in said
    assert "pydantic" not in said
    assert "validation error" not in said


def test_an_index_of_runs_that_no_study_has_is_named_in_tacits_words(tmp_path) -> None:
    write_record(tmp_path / "study.json", {"runs": {"a": [{"seed": 0, "draw": 0}]}})
    with pytest.raises(Damaged, match="folder: is missing") as caught:
        runs_of(tmp_path)
    assert "validation error" not in str(caught.value)
