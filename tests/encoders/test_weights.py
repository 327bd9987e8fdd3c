"""Files of weights: tensors by name, and nothing that runs."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from tacit.encoders.weights import differences, read_weights
from tacit.errors import EncoderError

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(2)}


class Runs:
    """Would write a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("wrapped", [lambda t: t, lambda t: {"state_dict": t, "epoch": 3}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_checkpoints_are_unwrapped(tmp_path, wrapped, prefix):
    path = tmp_path / "w.pth"
    torch.save(wrapped({prefix + name: tensor for name, tensor in TENSORS.items()}), path)
    found = read_weights(path)
    assert found.keys() == TENSORS.keys()
    assert torch.equal(found["a.weight"], TENSORS["a.weight"])


def test_safetensors_are_read(tmp_path):
    save_file(TENSORS, tmp_path / "w.safetensors")
    assert read_weights(tmp_path / "w.safetensors").keys() == TENSORS.keys()


def test_nothing_in_a_pickle_runs(tmp_path):
    trace = tmp_path / "trace"
    for name, save in (("torch.pth", torch.save), ("plain.pt", _pickled)):
        save({"w": Runs(str(trace))}, tmp_path / name)
        with pytest.raises(EncoderError, match=f"{name}: "):
            read_weights(tmp_path / name)
    assert not trace.exists()


def _pickled(held, path):
    path.write_bytes(pickle.dumps(held))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.safetensors", b"nothing"),
        ("w.pth", b"nothing"),
        ("w.pth", b""),
        ("w.pth", b"PK\x03\x04"),
    ],
)
def test_what_is_none_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EncoderError, match=name):
        read_weights(tmp_path / name)


def test_a_missing_file_and_other_contents_are_named(tmp_path):
    with pytest.raises(EncoderError, match="no such file of weights"):
        read_weights(tmp_path / "none.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(EncoderError, match="holds a list, not tensors by name"):
        read_weights(tmp_path / "list.pth")
    torch.save({"w": 3}, tmp_path / "number.pth")
    with pytest.raises(EncoderError, match="'w' is a int; weights are tensors"):
        read_weights(tmp_path / "number.pth")


def test_differences_are_listed_and_counts_of_batches_are_none():
    wanted = {**TENSORS, "bn.num_batches_tracked": torch.tensor(1)}
    assert differences(wanted, TENSORS) == []
    found = differences(wanted, {"a.weight": torch.zeros(3, 3), "c": torch.zeros(1)})
    assert found == [
        "1 missing: b",
        "1 unknown: c",
        "1 of another shape: a.weight is (3, 3) and not (2, 3)",
    ]
