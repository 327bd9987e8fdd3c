"""Features that somebody brings: every picture has one row, and every row is of a picture."""

import numpy as np
import pytest

from tacit.commands.originals import originals_of
from tacit.encoders.opening import open_encoder
from tacit.errors import EncoderError


@pytest.fixture
def originals(photographs):
    return originals_of(str(photographs), None, False, None, lambda done, total: None).originals


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)


def written(path, names, rows, header="path,a,b,c,d"):
    lines = [f"{n},{','.join(map(repr, r))}" for n, r in zip(names, rows.tolist(), strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return f"features:{path}"


def test_rows_are_matched_by_path_in_any_order(originals, rows, tmp_path):
    order = np.random.default_rng(1).permutation(12)
    source = written(tmp_path / "f.csv", [originals.names[i] for i in order], rows[order])
    features = open_encoder(source).features(originals)
    assert np.array_equal(np.asarray(features), rows)
    some = originals.take(np.array([7, 2]))
    assert np.array_equal(np.asarray(open_encoder(source).features(some)), rows[[7, 2]])


def test_rows_are_matched_by_index(originals, rows, tmp_path):
    source = written(tmp_path / "f.csv", range(12), rows, "index,a,b,c,d")
    some = originals.take(np.array([7, 2]))
    assert np.array_equal(np.asarray(open_encoder(source).features(some)), rows[[7, 2]])


def test_an_array_has_a_row_for_each_picture_of_the_source(originals, rows, tmp_path):
    np.save(tmp_path / "f.npy", rows)
    encoder = open_encoder(f"features:{tmp_path / 'f.npy'}")
    some = originals.take(np.array([7, 2]))
    assert np.array_equal(np.asarray(encoder.features(some)), rows[[7, 2]])
    for n, kind in ((11, "missing"), (13, "extra")):
        np.save(tmp_path / "g.npy", np.zeros((n, 4)))
        with pytest.raises(EncoderError, match=f"has {n} rows for 12 pictures, so 1 are {kind}"):
            open_encoder(f"features:{tmp_path / 'g.npy'}").features(originals)


@pytest.mark.parametrize("lists", [False, True])
def test_parquet(originals, rows, tmp_path, lists):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    columns = {"v": rows.tolist()} if lists else dict(zip("abcd", rows.T, strict=True))
    parquet.write_table(
        pa.table({"path": list(originals.names), **columns}), tmp_path / "f.parquet"
    )
    encoder = open_encoder(f"features:{tmp_path / 'f.parquet'}")
    assert encoder.about.n_features == 4
    assert np.array_equal(np.asarray(encoder.features(originals)), rows)


def test_missing_double_and_extra_rows_are_named(originals, rows, tmp_path):
    names = list(originals.names)
    with pytest.raises(EncoderError, match=r"no row of 2 of 12 pictures: ant/0.png, ant/1.jpg"):
        open_encoder(written(tmp_path / "f.csv", names[2:], rows[2:])).features(originals)
    doubled = written(tmp_path / "f.csv", [*names, names[-1]], np.vstack([rows, rows[:1]]))
    with pytest.raises(EncoderError, match=r"more than one row of bee/5.jpg"):
        open_encoder(doubled).features(originals)
    extra = written(tmp_path / "f.csv", [*names, "cat.png"], np.vstack([rows, rows[:1]]))
    with pytest.raises(EncoderError, match=r"1 row of what is no picture of the source: cat.png"):
        open_encoder(extra).features(originals)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_named(originals, rows, tmp_path, value):
    rows[3, 1] = value
    source = written(tmp_path / "f.csv", originals.names, rows)
    with pytest.raises(EncoderError, match=r"NaN or infinities.*: of ant/3.jpg"):
        open_encoder(source).features(originals)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "its columns are"),
        ("a,b\n1,2\n", "one is path or index"),
        ("path,index,a\nx,0,1\n", "one is path or index"),
        ("path\nx\n", "the others are features"),
        ("path,a\nx,one\n", "a of x is 'one', no number"),
        ("path,a\nx\n", "the row of x has 1 values for 2 columns"),
        ("path,a\n", "features are numbers"),
    ],
)
def test_tables_that_are_none_are_named(tmp_path, content, said):
    (tmp_path / "f.csv").write_text(content)
    with pytest.raises(EncoderError, match=said):
        open_encoder(f"features:{tmp_path / 'f.csv'}")


def test_pickles_and_text_in_arrays_are_refused(tmp_path):
    np.save(tmp_path / "f.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(EncoderError, match="nothing that needs pickle"):
        open_encoder(f"features:{tmp_path / 'f.npy'}")
    np.save(tmp_path / "f.npy", np.array([["a", "b"]]))
    with pytest.raises(EncoderError, match="features are numbers"):
        open_encoder(f"features:{tmp_path / 'f.npy'}")
    (tmp_path / "f.parquet").write_bytes(b"none")
    pytest.importorskip("pyarrow")
    with pytest.raises(EncoderError, match="is no parquet table"):
        open_encoder(f"features:{tmp_path / 'f.parquet'}")


def test_paths_say_nothing_of_an_array(rows, tmp_path):
    digits = originals_of("digits", None, False, 12, lambda done, total: None).originals
    source = written(tmp_path / "f.csv", [f"{i}.png" for i in range(12)], rows)
    with pytest.raises(EncoderError, match="a column index says their numbers"):
        open_encoder(source).features(digits)
