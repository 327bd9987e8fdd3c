"""Copies and odd pictures."""

import numpy as np
import pytest

from tacit.checks.agreement import agreement
from tacit.checks.copies import near_copies
from tacit.checks.findings import label_doubts
from tacit.checks.odd import distance_to_others, odd, statistics
from tacit.images.dataset import Images
from tacit.images.sources import open_images
from tacit.labels.draws import Labelled
from tacit.labels.propagation import graph


def test_equal_and_brighter_copies_are_found_and_nothing_else_is_sure() -> None:
    own = np.asarray(open_images("digits").train.pixels[:200])
    brighter = np.clip(np.rint(own[5:6] * 0.9 + 20.0), 0, 255).astype(np.uint8)
    pairs = near_copies(Images(np.concatenate([own, own[:1], brighter])))
    sure = set(zip(pairs.first[pairs.sure], pairs.second[pairs.sure], strict=True))
    assert sure == {(0, 200), (5, 201)}
    groups = pairs.groups(202)
    assert groups[0] == groups[200] != groups[5] == groups[201]


def test_copies_are_found_where_not_all_pairs_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("faiss")
    own = np.asarray(open_images("mnist-5k").train.pixels[:1000])
    rows = np.arange(0, 1000, 25)
    moved = np.roll(own[rows], 1, axis=3)
    images = Images(np.concatenate([own, (0.9 * moved).astype(np.uint8)]))
    exact = near_copies(images)
    monkeypatch.setattr(graph, "PAIRS", 0)
    found = near_copies(images)
    told = [
        set(zip(pairs.first[pairs.sure].tolist(), pairs.second[pairs.sure].tolist(), strict=True))
        for pairs in (exact, found)
    ]
    made = set(zip(rows.tolist(), range(1000, 1040), strict=True))
    assert told[0] <= made
    assert len(told[0]) > 20
    assert told[1] == told[0]


def test_empty_and_blurred_pictures_are_odd() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 1, 12, 12)).astype(np.uint8)
    pixels[7] = 128
    pixels[9] = np.linspace(0, 255, 12).astype(np.uint8)
    distance = distance_to_others(pixels.reshape(60, -1).astype(np.float32))
    found = odd(statistics([pixels]), distance)
    kinds = set(zip(found.row.tolist(), found.kind, strict=True))
    assert (7, "empty") in kinds
    assert (9, "blurred") in kinds
    assert found.row[found.sure].tolist() == [7]


def test_two_surfaces_in_one_light_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    down, right = np.mgrid[-1:1:32j, -1:1:32j]
    light = 120 + 60 * down - 30 * right + 20 * down * right
    noise = rng.normal(0, 4, (40, 32, 32))
    pixels = np.clip(np.rint(light + noise), 0, 255).astype(np.uint8)[:, None]
    assert len(near_copies(Images(pixels))) == 0


def test_two_people_without_an_image_in_common_agree_on_nothing() -> None:
    found = agreement(np.array([0, -1, 1]), np.array([-1, 2, -1]))
    assert (found.both, found.alone, found.kappa, found.share.value) == (0, 3, None, None)
    assert len(found.rows) == 0


def test_labels_are_judged_alike_in_whatever_order_they_come() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    codes = rng.normal(0, 0.3, (60, 3)) + 4.0 * (np.arange(60) % 2)[:, None]
    rows, order = np.arange(0, 40), rng.permutation(40)
    y[7] = 1 - y[7]
    told = [
        label_doubts(codes, Labelled(rows[o], y[o]), 2, copies=np.arange(60))[0]
        for o in (np.arange(40), order)
    ]
    assert told[0].place.tolist() == told[1].place.tolist() == rows.tolist()
    assert told[0].wrong.tolist() == told[1].wrong.tolist()
    assert told[0].place[told[0].listed].tolist() == [7]
    nothing = Labelled(rows[:0], y[:0])
    assert label_doubts(codes, nothing, 2, copies=np.arange(60)) == (None, "no image has a label")


def test_what_is_usual_among_pictures_does_not_depend_on_codes() -> None:
    own = np.asarray(open_images("digits").train.pixels[:300])
    far = np.random.default_rng(0).normal(size=(300, 5))  # whose neighbours are any picture
    with_codes, without = near_copies(Images(own), far), near_copies(Images(own))
    assert with_codes.relative.tolist() == without.relative.tolist()
