import numpy as np
import pytest

from tacit.encoders.store import ABSENT, Store
from tacit.files import Damaged

CONTENTS = [bytes([i]) * 32 for i in range(5)]
ROWS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "s", 3)
    with store.adding():
        store.note(engine="PyTorch")
        store.add(CONTENTS[:3], ROWS[:3])
        store.add(CONTENTS[3:], ROWS[3:])
    return store


def again(store):
    return Store(store.folder, 3)


def test_what_was_added_is_there(store):
    for seen in (store, again(store)):
        features = seen.features([CONTENTS[4], CONTENTS[0], CONTENTS[4]])
        assert features.dtype == np.float16
        assert np.array_equal(np.asarray(features), ROWS[[4, 0, 4]].astype(np.float16))
        assert seen.rows([b"?" * 32]).tolist() == [ABSENT]
    assert again(store).notes["engine"] == "PyTorch"


@pytest.mark.parametrize("name", ["rows", "keys"])
def test_a_torn_row_is_cut_off_and_added_again(store, name):
    path = store.folder / name
    path.write_bytes(path.read_bytes()[:-1])
    seen = again(store)
    assert seen.rows(CONTENTS).tolist() == [0, 1, 2, 3, ABSENT]
    with seen.adding():
        seen.add(CONTENTS[4:], ROWS[4:])
    assert np.array_equal(np.asarray(again(store).features(CONTENTS)), ROWS.astype(np.float16))


def test_a_damaged_row_is_not_believed_and_can_be_added_again(store):
    content = bytearray((store.folder / "rows").read_bytes())
    content[7] ^= 1
    (store.folder / "rows").write_bytes(content)
    seen = again(store)
    assert seen.rows(CONTENTS).tolist() == [0, ABSENT, 2, 3, 4]
    with pytest.raises(Damaged):
        seen.features(CONTENTS)
    with seen.adding():
        seen.add(CONTENTS[1:2], ROWS[1:2])
    assert np.array_equal(np.asarray(again(store).features(CONTENTS)), ROWS.astype(np.float16))


def test_features_too_large_for_float16_widen_the_store(store):
    large = np.array([[1e5, 0, 1]], np.float32)
    with store.adding():
        store.add([b"?" * 32], large)
    for seen in (store, again(store)):
        assert np.array_equal(np.asarray(seen.features([b"?" * 32])), large)
        kept = np.asarray(seen.features(CONTENTS))
        assert np.array_equal(kept, ROWS.astype(np.float16).astype(np.float32))


def test_two_that_add_see_each_other(store):
    other = again(store)
    with store.adding():
        store.add([b"a" * 32], ROWS[:1])
    with other.adding():
        assert other.rows([b"a" * 32]).tolist() == [5]
        other.add([b"b" * 32], ROWS[1:2])
    assert again(store).rows([b"a" * 32, b"b" * 32]).tolist() == [5, 6]


def test_what_another_widens_meanwhile_is_read_as_it_was_checked(store, monkeypatch):
    other, array = again(store), Store.array.fget

    def widened_after_it_is_mapped(self):
        mapped = array(self)
        monkeypatch.setattr(Store, "array", property(array))
        with other.adding():
            other.add([b"?" * 32], np.full((1, 3), 1e5, np.float32))
        return mapped

    monkeypatch.setattr(Store, "array", property(widened_after_it_is_mapped))
    assert np.array_equal(np.asarray(store.features(CONTENTS)), ROWS.astype(np.float16))
    assert other.dtype == np.float32
