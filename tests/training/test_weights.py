"""Headers of weights: whatever a file says, it is read as what it is or refused by name."""

import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from tacit.training.weights import ModelFileError, read_header

numbers = st.integers(-(2**70), 2**70) | st.floats() | st.booleans()
anything = st.recursive(
    st.none() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F64", "I64", "BOOL", "F8", ""]) | anything,
        "shape": st.lists(st.integers(-1, 4), max_size=3) | anything,
        "data_offsets": st.lists(st.integers(0, 40), min_size=2, max_size=2) | anything,
    }
)
headers = anything | st.dictionaries(
    st.sampled_from(["a", "b", "__metadata__"]), entries | anything
)


@settings(max_examples=300, deadline=None)
@given(header=headers, payload=st.integers(0, 40))
def test_a_header_is_true_or_refused(header, payload, tmp_path_factory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(payload))
    try:
        found = read_header(path)
    except ModelFileError:
        return
    sizes = (dtype.itemsize * torch.Size(shape).numel() for dtype, shape in found.tensors.values())
    assert sum(sizes) == payload


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=64))
def test_any_bytes_are_refused_by_name(data, tmp_path_factory) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"bytes\.safetensors"):
        read_header(path)


def test_a_true_header_is_read(tmp_path) -> None:
    tensors = {"a": torch.zeros(2, 3), "b": torch.ones((), dtype=torch.float64)}
    save_file(tensors, tmp_path / "w.safetensors", metadata={"note": "one"})
    found = read_header(tmp_path / "w.safetensors")
    assert found.note == {"note": "one"}
    assert found.tensors == {"a": (torch.float32, (2, 3)), "b": (torch.float64, ())}


@pytest.mark.parametrize("length", [128, 0x280, 0x380, 0x480, 0x580, 0x4B50])
def test_a_header_whose_length_begins_as_a_pickle_does_is_read(length, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.arange(3.0)}, path)
    old = path.read_bytes()
    (n,) = struct.unpack("<Q", old[:8])
    path.write_bytes(struct.pack("<Q", length) + old[8 : 8 + n].ljust(length) + old[8 + n :])
    assert read_header(path).tensors == {"weight": (torch.float32, (3,))}
