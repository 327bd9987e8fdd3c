import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import ImagesError
from tacit.images.dataset import UNLABELLED, Images, Split
from tacit.images.splits import (
    TEST_SHARE,
    content_hashes,
    few_label_draw,
    found_in_both,
    in_test,
    sides_by_content,
    stratified_subset,
)


def noise(n: int, *, seed: int = 0, labels: bool = True) -> Images:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 1, 4, 4), dtype=np.uint8)
    names = ("a", "b", "c")
    return Images(pixels, rng.integers(0, 3, n), names) if labels else Images(pixels)


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=60), st.data())
def test_a_subset_keeps_class_shares_to_within_one(labels, data):
    labels = np.array(labels)
    n = data.draw(st.integers(1, len(labels)))
    index = stratified_subset(labels, n, np.random.default_rng(0))
    assert len(index) == len(set(index.tolist())) == n
    assert (np.diff(index) > 0).all()
    for label in set(labels.tolist()):
        share = n * (labels == label).mean()
        assert abs((labels[index] == label).sum() - share) < 1


def test_a_subset_is_drawn_at_random_within_classes():
    labels = np.repeat([0, 1], 500)
    drawn = [stratified_subset(labels, 100, np.random.default_rng(seed)) for seed in range(200)]
    times = np.bincount(np.concatenate(drawn), minlength=1000)
    assert times.sum() == 20_000
    assert 5 < times.min() < times.max() < 45  # binomial(200, 0.1): 20 ± 4.2


@pytest.mark.parametrize("n", [0, -1, 4])
def test_a_subset_that_cannot_be_had(n):
    with pytest.raises(ImagesError, match=f"{n} of 3 images"):
        stratified_subset(np.zeros(3, int), n, np.random.default_rng(0))


@given(
    st.lists(st.integers(-1, 3), min_size=40, max_size=80),
    st.integers(0, 20),
    st.integers(1, 4),
    st.integers(1, 4),
)
def test_draws_are_stratified_and_nested(labels, draw, few, more):
    labels = np.array([0, 1, 2, 3] * 8 + labels)
    small = few_label_draw(labels, few, draw)
    large = few_label_draw(labels, few + more, draw)
    assert set(small.tolist()) <= set(large.tolist())
    assert np.bincount(labels[small]).tolist() == [few] * 4
    assert (np.diff(small) > 0).all()
    assert (labels[large] != UNLABELLED).all()


def test_draws_differ_and_repeat():
    labels = np.repeat(np.arange(10), 100)
    draws = [tuple(few_label_draw(labels, 3, draw).tolist()) for draw in range(50)]
    assert len(set(draws)) == 50
    assert draws[7] == tuple(few_label_draw(labels, 3, 7).tolist())
    # One class' images do not depend on another's: labels that come to be known elsewhere
    # leave them as they are.
    more = np.where(labels == 9, UNLABELLED, labels)
    assert few_label_draw(more, 3, 7).tolist() == list(draws[7][:-3])


def test_a_draw_is_the_same_for_ever():
    labels = np.repeat(np.arange(3), 20)
    assert few_label_draw(labels, 2, 0).tolist() == [1, 6, 28, 37, 53, 57]


def test_more_labels_than_a_class_has():
    labels = np.array([0] * 100 + [8] * 41)
    names = ["zero", "1", "2", "3", "4", "5", "6", "7", "8"]
    with pytest.raises(ImagesError) as error:
        few_label_draw(np.array([0] * 100 + [1] * 41), 60, 0, ["zero", "8"])
    assert str(error.value) == (
        "`per_class` is 60, but class '8' has only 41 training images; ask for at most so many, or "
        "for the whole of such classes (`small_classes: whole`)"
    )
    with pytest.raises(ImagesError, match="class '1' has only 0"):
        few_label_draw(labels, 1, 0, names)


def test_small_classes_may_be_taken_whole():
    labels = np.repeat([0, 1, UNLABELLED, 2], [30, 4, 9, 1])
    names = ["many", "few", "one", "none"]
    draws = [few_label_draw(labels, 10, draw, names, small_classes="whole") for draw in range(3)]
    for chosen in draws:
        assert np.bincount(labels[chosen]).tolist() == [10, 4, 1]
    assert len({tuple(chosen) for chosen in draws}) == 3
    # Where every class is large enough, nothing changes.
    assert np.array_equal(
        few_label_draw(labels[:34], 4, 0), few_label_draw(labels[:34], 4, 0, small_classes="whole")
    )
    with pytest.raises(ImagesError, match="no image has one"):
        few_label_draw(labels[34:43], 10, 0, names, small_classes="whole")


@pytest.mark.parametrize(("per_class", "draw"), [(0, 0), (-1, 0), (1, -1)])
def test_draws_out_of_range(per_class, draw):
    with pytest.raises(ImagesError, match=f"`per_class` is {per_class} and `draw` is {draw}"):
        few_label_draw(np.zeros(3, int), per_class, draw)


@pytest.mark.parametrize("labels", [[], [UNLABELLED, UNLABELLED]])
def test_draws_without_labels(labels):
    with pytest.raises(ImagesError, match="no image has one"):
        few_label_draw(np.array(labels, int), 1, 0)


def split_by_content(images):
    return Split(*(images.take(side) for side in sides_by_content(images)))


def test_a_fifth_is_tested_on_and_classes_are_about_stratified():
    images = noise(6000)
    split = split_by_content(images)
    assert len(split.train) + len(split.test) == 6000
    assert split.test.labels is not None
    assert images.labels is not None
    for label in range(3):
        n = (images.labels == label).sum()
        sd = np.sqrt(n * TEST_SHARE * (1 - TEST_SHARE))
        assert abs((split.test.labels == label).sum() - TEST_SHARE * n) < 4 * sd


def test_adding_an_image_moves_no_other_one():
    few, many = split_by_content(noise(200)), split_by_content(noise(200, seed=1))
    both = noise(200), noise(200, seed=1)
    mixed = split_by_content(
        Images(np.concatenate([images.pixels for images in both])).take(
            np.random.default_rng(0).permutation(400)
        )
    )
    for side, parts in (
        (mixed.train, (few.train, many.train)),
        (mixed.test, (few.test, many.test)),
    ):
        alone = [content for part in parts for content in content_hashes(part)]
        assert sorted(content_hashes(side)) == sorted(alone)


def test_copies_stay_on_one_side():
    images = noise(100, labels=False)
    doubled = Images(np.concatenate([images.pixels, images.pixels]))
    split = split_by_content(doubled)
    assert len(found_in_both(split.train, split.test)) == 0


def test_unlabelled_images_test_nothing_where_others_have_labels():
    images = noise(300)
    labels = np.where(np.arange(300) % 2, images.labels, UNLABELLED)
    split = split_by_content(Images(images.pixels, labels, images.class_names))
    assert split.test.labels is not None
    assert (split.test.labels != UNLABELLED).all()


def test_too_few_images_to_split():
    for n in (1, 2):
        same = Images(np.zeros((n, 1, 4, 4), np.uint8), source="here")
        with pytest.raises(ImagesError, match=f"here: of {n} images"):
            split_by_content(same)


@given(st.binary(max_size=30))
def test_the_side_is_the_share_of_the_hash(content):
    digest = hashlib.sha256(content).digest()
    assert in_test(digest) == (int.from_bytes(digest[:8], "big") / 2**64 < TEST_SHARE)


@given(st.data())
def test_what_is_found_in_both_is_what_a_slow_search_finds(data):
    size = data.draw(st.sampled_from([2, 16]))  # 16 × 16: more pixels than are sampled
    shape = (1, size, size)
    kinds = [np.full(shape, 7, np.uint8) for _ in range(4)]
    for number, kind in enumerate(kinds):
        kind[0, 0, -1] = number
        kind[0, -1, 0] = number // 2
    picks = st.lists(st.integers(0, 3), min_size=1, max_size=8)
    a, b = data.draw(picks), data.draw(picks)
    train, test = (Images(np.stack([kinds[pick] for pick in side])) for side in (a, b))
    assert found_in_both(train, test).tolist() == [i for i, pick in enumerate(b) if pick in a]


def test_images_of_different_shapes_are_no_copies():
    small = Images(np.zeros((1, 1, 2, 2), np.uint8))
    assert found_in_both(small, Images(np.zeros((1, 1, 1, 4), np.uint8))).tolist() == []
