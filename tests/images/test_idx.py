import gzip
import os
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_files import MEGABYTE, error_of, idx_bytes, memory_below, write_idx

from tacit.errors import ImagesError
from tacit.images import idx
from tacit.images.bounded import LIMIT, content_sha256, verify


@given(
    array=hnp.arrays(
        st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).map(np.dtype),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
    ),
    compressed=st.booleans(),
)
def test_what_was_written_is_read(tmp_path_factory, array, compressed):
    path = tmp_path_factory.mktemp("idx") / "file"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if compressed else content)
    np.testing.assert_array_equal(idx.read_idx(path), array)


@given(content=st.binary(max_size=64))
@example(content=b"")
@example(content=b"\0\0\x08\x01")
@example(content=b"\0\0\x08\x01\0\0\0\x02\1\2")
@example(content=b"\0\0\x08\x03" + b"\xff" * 12)
@example(content=b"\x1f\x8b")
@example(content=gzip.compress(b""))
def test_any_bytes_parse_or_raise_the_rooms_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(content)
    error = error_of(idx.read_idx, path)
    if error is None:
        assert idx_bytes(np.asarray(idx.read_idx(path))) == content
    else:
        assert str(path) in error


@given(head=st.binary(max_size=20), cut=st.integers(0, 60), flip=st.integers(0, 400))
def test_any_damage_of_a_gzip_stream_is_named(tmp_path_factory, head, cut, flip):
    content = gzip.compress(idx_bytes(np.arange(64, dtype="u1").reshape(1, 8, 8)) + head)
    damaged = bytearray(content[: len(content) - cut])
    damaged[flip % len(damaged)] ^= 1 << (flip % 8)
    path = tmp_path_factory.mktemp("idx") / "file.gz"
    path.write_bytes(damaged)
    error = error_of(idx.read_idx, path)
    assert error is None or str(path) in error


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (60_000, 28, 28), (2**31,)])
def test_a_lying_header_costs_no_memory(tmp_path, shape, compressed):
    content = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + b"x" * 1000
    path = tmp_path / "lie"
    path.write_bytes(gzip.compress(content) if compressed else content)
    with memory_below(4 * MEGABYTE), pytest.raises(ImagesError, match="promises"):
        idx.read_idx(path)


def test_a_gzip_bomb_is_unfolded_no_further_than_promised(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as stream:
        stream.write(idx_bytes(np.zeros((1, 8, 8), "u1")))
        for _ in range(200):
            stream.write(bytes(MEGABYTE))
    with memory_below(4 * MEGABYTE), pytest.raises(ImagesError, match="goes on after the 64 bytes"):
        idx.read_idx(path)
    with memory_below(8 * MEGABYTE):
        content_sha256(path)


def test_an_honest_bomb_has_a_limit(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", LIMIT + 1)))
    with memory_below(4 * MEGABYTE), pytest.raises(ImagesError, match=f"at most {LIMIT:,}"):
        idx.read_idx(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"PNG....", "no idx file; it begins with 50 4e 47 2e"),
        (b"\0\0\x0a\x01....", "no idx file"),
        (b"\0\0\x08\x00....", "has 0 dimensions"),
        (b"\0\0\x08\x09....", "has 9 dimensions"),
        (b"\0\0\x08\x02\0\0\0\1", "ends inside its header"),
        (b"\0\0\x08\x01\0\0\0\0", "is empty"),
        (b"\0\0\x08\x01\0\0\0\3ab", "holds 10 bytes, but its header .* promises 11"),
        (b"\0\0\x08\x01\0\0\0\3abcd", "holds 12 bytes, but its header .* promises 11"),
    ],
)
def test_faults_are_named(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ImagesError, match=message) as error:
        idx.read_idx(path)
    assert str(path) in str(error.value)


def test_a_truncated_gzip_stream_is_named(tmp_path):
    path = tmp_path / "cut.gz"
    noise = np.random.default_rng(0).integers(0, 256, (50, 8, 8), dtype="u1")
    path.write_bytes(gzip.compress(idx_bytes(noise))[:-100])
    with pytest.raises(ImagesError, match=r"cut\.gz: the compressed stream is cut short"):
        idx.read_idx(path)


def test_a_missing_file_a_folder_and_no_permission(tmp_path):
    with pytest.raises(ImagesError, match="No such file"):
        idx.read_idx(tmp_path / "missing")
    with pytest.raises(ImagesError, match="directory"):
        idx.read_idx(tmp_path)
    path = tmp_path / "locked"
    path.write_bytes(b"")
    path.chmod(0)
    if not os.access(path, os.R_OK):
        with pytest.raises(ImagesError, match="Permission denied"):
            idx.read_idx(path)


def test_a_plain_file_is_mapped_not_read(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.write(b"\0\0\x08\x03" + struct.pack(">3I", 50_000, 64, 64))
        stream.truncate(16 + 50_000 * 64 * 64)
    with memory_below(4 * MEGABYTE):
        array = idx.read_idx(path)
    assert isinstance(array, np.memmap)
    assert array.shape == (50_000, 64, 64)


def test_verify_names_file_expected_and_found(tmp_path):
    for path in (tmp_path / "plain", tmp_path / "packed.gz"):
        path.write_bytes(gzip.compress(b"abc") if path.suffix else b"abc")
        verify(path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        with pytest.raises(ImagesError) as error:
            verify(path, "0" * 64)
        for part in (str(path), "0" * 64, "ba7816bf8f01cfea"):
            assert part in str(error.value)


def test_a_set_in_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (5, 4, 4), dtype="u1")
    write_idx(tmp_path / f"{idx.TRAIN_IMAGES}.gz", x)
    arrays = idx.read_idx_set(tmp_path)
    np.testing.assert_array_equal(arrays.x, x)
    assert arrays.y is None
    assert arrays.x_test is None
    write_idx(tmp_path / idx.TRAIN_LABELS, np.arange(5, dtype="u1"))
    write_idx(tmp_path / idx.TEST_IMAGES, x[:2])
    arrays = idx.read_idx_set(tmp_path)
    assert arrays.y is not None
    assert arrays.y.tolist() == [0, 1, 2, 3, 4]
    assert arrays.x_test is not None
    assert arrays.x_test.shape == (2, 4, 4)


def test_images_and_labels_that_do_not_fit(tmp_path):
    images = write_idx(tmp_path / "images", np.zeros((3, 4, 4), "u1"))
    labels = write_idx(tmp_path / "labels", np.zeros(2, "u1"))
    with pytest.raises(ImagesError, match="labels of 3 images"):
        idx.read_idx_pair(images, labels)
    with pytest.raises(ImagesError, match="images are bytes of 3 or 4 dimensions"):
        idx.read_idx_pair(labels, None)
    with pytest.raises(ImagesError, match="images are bytes"):
        idx.read_idx_pair(write_idx(tmp_path / "floats", np.zeros((3, 4, 4), "f4")), None)
