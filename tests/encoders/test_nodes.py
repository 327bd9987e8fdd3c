"""Features that others make: what is sent to them, and what is kept of what they send."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tacit.commands.originals import originals_of
from tacit.encoders import making
from tacit.encoders.base import About
from tacit.encoders.making import features_of, made, store_of
from tacit.encoders.recipe import Recipe
from tacit.errors import ImagesError
from tacit.images.originals import of_pictures

N = 41


class Means:
    """An engine: the mean of each row of a picture, in halves of the batch's own."""

    name = "means"

    def __call__(self, inputs):
        return inputs.mean(axis=(1, 3))


@dataclass
class Encoder:
    about: About = field(
        default_factory=lambda: About("s", "s", "what", "0" * 64, 8, recipe=Recipe((8, 8)))
    )
    files: tuple = ()

    def engine(self, name, inputs):
        return Means()


@dataclass
class Others:
    """Nodes that fail after so many shards."""

    fail_after: int = 10**9
    shards: list = field(default_factory=list)

    def features(self, encoder, engine, originals, shards):
        for number, rows in enumerate(shards):
            if number == self.fail_after:
                raise ImagesError("gone")
            self.shards.append(len(rows))
            pictures = originals.carried(np.asarray(rows, np.int64), files=False)
            run = encoder.engine(engine, None)
            yield features_of(run, encoder.about, pictures, range(len(pictures)))


@pytest.fixture
def pictures(tmp_path):
    folder, rng = tmp_path / "pictures", np.random.default_rng(0)
    folder.mkdir()
    for number in range(N):
        Image.fromarray(rng.integers(0, 256, (9, 11, 3), np.uint8)).save(folder / f"{number}.png")
    return folder


def found(source, skip_bad=False):
    return originals_of(str(source), None, skip_bad, None, lambda done, total: None)


def store_bytes(encoder):
    folder = store_of(encoder.about).folder
    return (folder / "rows").read_bytes(), (folder / "keys").read_bytes()


def test_shards_of_others_leave_the_same_store_and_go_on_after_the_last(
    pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr(making, "SHARD", 16)
    originals, encoder = found(pictures).originals, Encoder()
    at_home = np.asarray(made(encoder, originals, lambda *_: Means()))
    expected = store_bytes(encoder)
    monkeypatch.setenv("TACIT_CACHE", str(tmp_path / "other"))
    with pytest.raises(ImagesError, match="gone"):
        made(encoder, originals, lambda *_: Means(), nodes=Others(fail_after=2))
    assert len(store_of(encoder.about).array) == 32
    others = Others()
    assert np.array_equal(made(encoder, originals, lambda *_: Means(), nodes=others), at_home)
    assert others.shards == [9]
    assert store_bytes(encoder) == expected


@pytest.mark.parametrize("files", [True, False])
def test_what_is_sent_holds_the_same_pictures_and_no_others(pictures, files):
    rows = np.array([7, 3])
    arrays = of_pictures([np.full((4, 5, 3), i, np.uint8) for i in range(9)])
    for originals in (found(pictures).originals, arrays):
        sent = originals.carried(rows, files=files)
        assert len(sent) == 2
        assert len(sent.source_names) <= 2
        for i, row in enumerate(rows):
            assert sent.content(i) == originals.content(row)
            assert np.array_equal(sent.picture(i, 8), originals.picture(row, 8))
    if not files:
        sent = found(pictures).originals.carried(rows, files=False)
        for path in pictures.iterdir():
            path.unlink()
        assert sent.take(np.array([1])).picture(0, 8).size == (11, 9)


def test_a_parquet_table_names_image_files(pictures, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = tmp_path / "some.parquet"
    names = ["pictures/3.png", str(pictures / "5.png"), "pictures/1.png"]
    pq.write_table(pa.table({"path": names, "label": ["a", None, "7"]}), table)
    some = found(table)
    assert some.originals.names == tuple(names)
    assert some.labels == ["a", "", "7"]
    folder = found(pictures).originals
    by_name = {name: folder.content(i) for i, name in enumerate(folder.names)}
    assert [some.originals.content(i) for i in range(3)] == [
        by_name[Path(name).name] for name in names
    ]
    (pictures / "5.png").unlink()
    with pytest.raises(ImagesError, match="1 of 3 images cannot be read"):
        found(table)
    left = found(table, skip_bad=True)
    assert left.labels == ["a", "7"]
    assert "Left out because they cannot be read: 1" in left.notes[0]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"file": ["a.png"]}, "its columns are file; the column path names image files"),
        ({"path": ["a.png", None]}, "names image files; row 1 has none"),
        ({"path": []}, "names image files; it has no rows"),
    ],
)
def test_a_table_that_names_none_is_refused(columns, expected, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = tmp_path / "some.parquet"
    pq.write_table(pa.table(columns), table)
    with pytest.raises(ImagesError, match=expected):
        found(table)


def test_a_table_that_is_none_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "some.parquet").write_bytes(b"nothing")
    with pytest.raises(ImagesError, match="is no parquet table"):
        found(tmp_path / "some.parquet")
