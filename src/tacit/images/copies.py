"""Copies of one picture that have different labels: nothing can be learned from them."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tacit.errors import ImagesError
from tacit.images.classes import quoted
from tacit.images.dataset import UNLABELLED, Images
from tacit.images.opened import Opened
from tacit.images.splits import content_hashes, samples

_LISTED = 5


def contradicting(keys: Iterable[Hashable], labels: Iterable[Hashable]) -> list[tuple[int, int]]:
    """Each image with another label than the first one of the same key, and that first one.

    >>> contradicting("aba", [0, 0, 1])
    [(2, 0)]
    """
    first: dict[Hashable, tuple[int, Hashable]] = {}
    pairs = []
    for number, (key, label) in enumerate(zip(keys, labels, strict=True)):
        other, said = first.setdefault(key, (number, label))
        if said != label:
            pairs.append((number, other))
    return pairs


def one_label_each(opened: Opened, *, remove: bool, refuse: bool = True) -> Opened:
    """See that equal pictures have equal labels, in training and test images together.

    Args:
        remove: leave all copies of a picture out that has two labels.
        refuse: False only notes them, where nobody can mend the labels.

    Raises:
        ImagesError: some have not, with the first of them.
    """
    parts = [opened.train, opened.test]
    pairs = _found(parts)
    if not pairs:
        return opened
    n_train = len(opened.train)
    if refuse and not remove:
        listed = "; ".join(
            " and, the same picture, ".join(_said(opened, number, n_train) for number in pair)
            for pair in pairs[:_LISTED]
        )
        more = "; …" if len(pairs) > _LISTED else ""
        raise ImagesError(
            f"{opened.origin.name}: {len(pairs):,} image{'s have' if len(pairs) > 1 else ' has'} "
            f"another label than a copy: {listed}{more}. Give copies one label, or leave all of "
            "them out with `duplicates: remove` (--remove-duplicates)"
        )
    if not remove:
        note = f"Images with another label than a copy of them: {len(pairs):,}."
        return replace(opened, notes=list(dict.fromkeys([*opened.notes, note])))
    return _without(opened, parts, pairs)


def _found(parts: Sequence[Images]) -> list[tuple[int, int]]:
    """Pairs of contradicting images, numbered through the parts."""
    if any(part.labels is None for part in parts) or parts[0].shape != parts[1].shape:
        return []
    labels = np.concatenate([part.labels for part in parts if part.labels is not None])
    some = np.concatenate([samples(part) for part in parts])
    known = np.flatnonzero(labels != UNLABELLED)
    _, inverse, counts = np.unique(some[known], return_inverse=True, return_counts=True)
    suspects = known[counts[inverse] > 1]  # only these are read whole
    keys = _hashes(parts, suspects)
    pairs = contradicting(keys, labels[suspects].tolist())
    return [(int(suspects[one]), int(suspects[other])) for one, other in pairs]


def _hashes(parts: Sequence[Images], numbers: NDArray[np.int64]) -> list[bytes]:
    n_first = len(parts[0])
    first, second = numbers[numbers < n_first], numbers[numbers >= n_first] - n_first
    return [
        *content_hashes(parts[0].take(first)),
        *content_hashes(parts[1].take(second)),
    ]


def _said(opened: Opened, number: int, n_train: int) -> str:
    """An image and its label, for people."""
    side = int(number >= n_train)
    images, place = (opened.test, number - n_train) if side else (opened.train, number)
    names = opened.names[side] if opened.names else ()
    name = names[place] if names else f"{('training', 'test')[side]} image {place}"
    assert images.labels is not None
    return f"{quoted(name)} is {quoted(images.class_names[int(images.labels[place])])}"


def _without(opened: Opened, parts: Sequence[Images], pairs: list[tuple[int, int]]) -> Opened:
    """Without any copy of the pictures in `pairs`."""
    n_train = len(parts[0])
    bad = set(_hashes(parts, np.unique(np.array(pairs))))
    kept = []
    for part in parts:
        known = part.labels if part.labels is not None else np.empty(0, np.int64)
        kept.append(
            np.array(
                [i for i, key in enumerate(content_hashes(part)) if key not in bad or known[i] < 0],
                np.int64,
            )
        )
    n_out = n_train + len(parts[1]) - sum(map(len, kept))
    note = f"Left out, as copies of one picture with different labels: {n_out:,} images."
    if not all(map(len, kept)):
        raise ImagesError(
            f"{opened.origin.name}: without copies that have different labels, nothing is left to "
            "learn from or to test on"
        )
    return replace(opened.taken(*kept), notes=[*opened.notes, note])
