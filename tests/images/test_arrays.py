import io
import pickle
import struct
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_files import MEGABYTE, error_of, memory_below

from tacit.errors import ImagesError
from tacit.images.arrays import Arrays, read_npy, read_npz, split_from_arrays
from tacit.images.dataset import UNLABELLED
from tacit.images.values import as_array

BYTES = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


def images_from_arrays(x, y=None, class_names=()):
    y = None if y is None else as_array(y, "labels")
    return split_from_arrays(Arrays(as_array(x, "arrays"), y), class_names, "arrays").train


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (BYTES[..., 0], BYTES[..., :1].transpose(0, 3, 1, 2)),
        (BYTES[..., :1], BYTES[..., :1].transpose(0, 3, 1, 2)),
        (BYTES, BYTES.transpose(0, 3, 1, 2)),
        (BYTES.transpose(0, 3, 1, 2), BYTES.transpose(0, 3, 1, 2)),
        (BYTES[:, :3], BYTES[:, :3]),  # (n, 3, w, 3): three channels first
        (BYTES[..., 0] > 127, np.where(BYTES[:, None, ..., 0] > 127, 255, 0)),
        (BYTES[..., 0].astype(np.int64), BYTES[:, None, ..., 0]),
        (BYTES[..., 0] / 255, BYTES[:, None, ..., 0]),
        ((BYTES[..., 0] / 255).astype(np.float32), BYTES[:, None, ..., 0]),
        ((BYTES[..., 0] / 255).astype(np.float16), BYTES[:, None, ..., 0]),
        ((BYTES[..., 0] / 255).astype(np.longdouble), BYTES[:, None, ..., 0]),
        (BYTES[..., 0].astype(np.uint32), BYTES[:, None, ..., 0]),
        (BYTES[..., 0].astype(">i2"), BYTES[:, None, ..., 0]),
        (BYTES[..., 0].astype(np.uint16) * 257, BYTES[:, None, ..., 0]),
    ],
)
def test_layouts_and_types(given, expected):
    images = images_from_arrays(given)
    assert images.pixels.dtype == np.uint8
    np.testing.assert_array_equal(images.pixels, expected)


def test_sixteen_bits_are_scaled_to_the_nearest_never_clipped():
    every = np.arange(65536, dtype=np.uint16).reshape(1, 256, 256)
    images = images_from_arrays(every)
    np.testing.assert_array_equal(
        images.pixels[0, 0].ravel(), np.rint(np.arange(65536) * 255 / 65535)
    )


def test_bytes_stay_where_they_are():
    x = np.zeros((4, 8, 8), np.uint8)
    assert np.shares_memory(images_from_arrays(x).pixels, x)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((8, 8)), r"shape \(8, 8\)"),
        (np.zeros((2, 8, 8, 4)), "c = 1 or 3"),
        (np.zeros((0, 8, 8)), "at least one"),
        (np.full((1, 8, 8), 1.5), r"must be numbers in \[0, 1\]"),
        (np.full((1, 8, 8), np.nan), "hold NaN"),
        (np.full((1, 8, 8), np.inf), "inf"),
        (np.full((1, 8, 8), 256), "0 to 255"),
        (np.full((1, 8, 8), -1), "0 to 255"),
        (np.full((1, 8, 8), -1, np.int8), "int8 lie between -1 and -1"),
        (np.full((1, 8, 8), "a"), "of type <U1"),
        (np.full((1, 8, 8), 1j), "complex"),
        (np.full((1, 8, 8), 0.5, object), r"of type object.*np\.asarray\(x, dtype=float\)"),
        (np.full((1, 8, 8), 255.0), r"as x / 255"),
        (np.full((1, 8, 8), 1.0000001), r"1\.0000001; .* np\.clip\(x, 0, 1\)"),
        (np.full((1, 8, 8), -1e-9), r"np\.clip\(x, 0, 1\)"),
        (np.linspace(-1, 1, 64).reshape(1, 8, 8), r"\(x \+ 1\) / 2"),
        (np.full((1, 8, 8), 4000, np.uint16), "12 bits are given as .* x / 4,095"),
        (np.full((1, 8, 8), 200, np.uint16), r"x\.astype\(np\.uint8\)"),
    ],
)
def test_what_is_no_images(x, message):
    with pytest.raises(ImagesError, match=message):
        images_from_arrays(x)


@pytest.mark.parametrize(
    ("y", "names", "labels", "expected"),
    [
        ([3, 1, 3], (), [1, 0, 1], ("1", "3")),
        ([3, -1, 3], (), [0, UNLABELLED, 0], ("3",)),
        (["b", "", "a"], (), [1, UNLABELLED, 0], ("a", "b")),
        ([1, 0, -1], ("x", "y"), [1, 0, UNLABELLED], ("x", "y")),
        (["y", "x", ""], ("x", "y"), [1, 0, UNLABELLED], ("x", "y")),
        (np.array([1, 0, 1], np.uint8), ("x", "y"), [1, 0, 1], ("x", "y")),
        ([1.0, 0.0, np.nan], (), [1, 0, UNLABELLED], ("0", "1")),
        ([True, False, True], (), [1, 0, 1], ("False", "True")),
        ([1.0, np.nan, 1.0], (), [0, UNLABELLED, 0], ("1",)),
        (np.array(["b", None, "a"], object), (), [1, UNLABELLED, 0], ("a", "b")),
        (np.array(["b", np.nan, "a"], object), ("a", "b"), [1, UNLABELLED, 0], ("a", "b")),
        (np.array([1, 0.0, None], object), (), [1, 0, UNLABELLED], ("0", "1")),
        (np.array([True, False, True], object), (), [1, 0, 1], ("False", "True")),
        ([None, None, None], (), [UNLABELLED] * 3, ()),
        (["10", "9", "nan"], (), [1, 0, UNLABELLED], ("9", "10")),
        (["1.0", "0", "0.0"], (), [1, 0, 0], ("0", "1")),
    ],
)
def test_labels(y, names, labels, expected):
    images = images_from_arrays(np.zeros((3, 8, 8)), y, class_names=names)
    assert images.labels is not None
    assert images.labels.tolist() == labels
    assert images.class_names == expected


@pytest.mark.parametrize(
    ("y", "names", "message"),
    [
        ([0, 1], (), r"3 images have labels of shape \(2,\)"),
        ([[0], [1], [2]], (), "labels of shape"),
        ([0.0, 1.5, 2.0], (), "whole numbers or names"),
        ([-1, 1, 1], (), "labels are -1 and 1.* call the classes 0 and 1"),
        (["Cat", "cat", "dog"], (), r"'Cat' \(1\) and 'cat' \(1\)"),
        (np.eye(3), (), r"y\.argmax\(axis=1\)"),
        ([0, 1, 2], ("a", "b"), r"label 2 is none of the 2 classes \(0, 1\)"),
        ([0, 1, -2], ("a", "b"), "a label is -2"),
        (np.array(["a", 1, 2], object), (), "several types, such as 'a' and 1"),
        (np.array([b"a", b"b", b"a"], object), (), "labels are such as b'"),
        (np.array([{}, {}, {}]), (), "labels are such as {}"),
        (["a", "b", "c"], ("a", "b"), r"label 'c' is none of the 2 classes \('a', 'b'\)"),
    ],
)
def test_labels_that_do_not_fit(y, names, message):
    with pytest.raises(ImagesError, match=message):
        images_from_arrays(np.zeros((3, 8, 8)), y, class_names=names)


def test_training_and_test_labels_are_numbered_together():
    x = np.zeros((2, 8, 8))
    train, test, conversions, _ = split_from_arrays(
        Arrays(x, np.array([5, 9]), x, np.array([9, 7])), (), "file"
    )
    assert test is not None
    assert train.labels is not None
    assert test.labels is not None
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 2], [2, 1])
    assert train.class_names == test.class_names == ("5", "7", "9")
    assert conversions == {"float64 values to 8 bits": 4}


def test_test_images_of_another_shape():
    with pytest.raises(ImagesError, match="test images of"):
        split_from_arrays(Arrays(np.zeros((2, 8, 8)), None, np.zeros((2, 9, 8))), (), "file")


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32, np.bool_]),
        hnp.array_shapes(min_dims=3, max_dims=4, max_side=3),
        elements=st.just(0) | st.just(1),
    ),
    st.booleans(),
)
def test_npy_is_read_as_numpy_reads_it(tmp_path_factory, x, fortran):
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    np.save(path, np.asfortranarray(x) if fortran else x)
    np.testing.assert_array_equal(read_npy(path).x, np.load(path))


def test_npy_is_mapped(tmp_path):
    path = tmp_path / "x.npy"
    mapped = np.lib.format.open_memmap(path, "w+", np.uint8, (100_000, 28, 28))
    mapped.flush()
    with memory_below(4 * MEGABYTE):
        images = images_from_arrays(read_npy(path).x)
    assert len(images) == 100_000


@pytest.mark.parametrize(
    "names",
    [("x", "y"), ("images", "labels"), ("x_train", "y_train", "x_test", "y_test")],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, names, save):
    values = (BYTES[..., 0], np.arange(5), BYTES[:2, ..., 1], np.arange(2))
    path = tmp_path / "set.npz"
    save(path, **dict(zip(names, values, strict=False)))
    for read, value in zip(read_npz(path), values[: len(names)], strict=False):
        np.testing.assert_array_equal(read, value)


def test_npz_without_images(tmp_path):
    np.savez(tmp_path / "set.npz", pictures=BYTES)
    with pytest.raises(ImagesError, match="holds pictures; images are looked for under x or"):
        read_npz(tmp_path / "set.npz")


class Trap:
    """Unpickled, it would leave a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_no_pickle_is_loaded(tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.save(tmp_path / "x.npy", trap)
    np.savez(tmp_path / "x.npz", x=trap)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    for read, name in ((read_npy, "x.npy"), (read_npz, "x.npz"), (read_npy, "raw.npy")):
        with pytest.raises(ImagesError, match=name):
            read(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def npy_header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    text = (
        repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(118) + b"\n"
    )
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("shape", [(10**6, 100, 100), (2**62, 2**62, 4), (3, 8, 8)])
def test_lying_headers_cost_no_memory(tmp_path, shape):
    content = npy_header(shape) + b"x" * 100
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    for read, name in ((read_npy, "x.npy"), (read_npz, "x.npz")):
        with memory_below(4 * MEGABYTE), pytest.raises(ImagesError, match="promises"):
            read(tmp_path / name)


@pytest.mark.parametrize("descr", ["|U0", "|S0", "|V0"])
def test_values_of_no_bytes_are_refused(tmp_path, descr):
    """`make fuzz` found that such a file ended in a division by zero."""
    content = npy_header((4, 4), descr)
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", content)
    for read, name in ((read_npy, "x.npy"), (read_npz, "x.npz")):
        with pytest.raises(ImagesError, match=r"have no bytes|its header is"):
            read(tmp_path / name)


def test_a_zip_bomb_is_unfolded_no_further_than_promised(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy_header((1, 8, 8)) + bytes(100 * MEGABYTE))
    with memory_below(4 * MEGABYTE), pytest.raises(ImagesError, match="goes on after the 64 bytes"):
        read_npz(path)


@pytest.mark.parametrize("sides", ["1" * 9000, "1," * 4000, " " * 9000, "1 " * 4000])
def test_a_strange_header_is_refused_at_once(tmp_path, sides):
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({sides}), x}}".encode()
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text)
    start = time.process_time()
    with pytest.raises(ImagesError, match="its header is"):
        read_npy(tmp_path / "x.npy")
    assert time.process_time() - start < 10  # a slow pattern would take minutes


@given(st.binary(max_size=200))
def test_any_bytes_raise_the_rooms_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("arrays")
    header = npy_header((1, 2, 2)) + b"abcd"
    whole = io.BytesIO()
    np.savez_compressed(whole, x=np.zeros((2, 8, 8), np.uint8))
    for number, (read, valid) in enumerate([(read_npy, header), (read_npz, whole.getvalue())]):
        cut = len(content) * 7 % len(valid)
        for start in (b"", valid[:cut]):
            path = folder / str(number)
            path.write_bytes(start + content + (valid[cut + len(content) :] if start else b""))
            assert str(path) in (error_of(read, path) or str(path))
