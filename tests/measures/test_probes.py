"""Probes of codes: perfect codes, constant codes, and a slow reference."""

import numpy as np
import pytest

from tacit.measures.codes import directions
from tacit.measures.number import Undefined
from tacit.measures.probes import linear_probe, nearest_training_code
from tacit.streams import numpy_stream

PROBES = [nearest_training_code, linear_probe]


@pytest.mark.parametrize("probe", PROBES)
def test_perfect_codes_tell_all_and_constant_codes_one_class(probe) -> None:
    rng = numpy_stream(0, "codes")
    classes, test_classes = np.arange(60) % 3, np.arange(30) % 3
    perfect = np.eye(3)[classes] + 0.01 * rng.standard_normal((60, 3))
    test = np.eye(3)[test_classes] + 0.01 * rng.standard_normal((30, 3))
    assert probe(perfect, classes, test, test_classes).all()
    constant = probe(np.zeros((60, 3)), classes, np.zeros((30, 3)), test_classes)
    assert constant.mean() == pytest.approx(1 / 3)


def test_the_probe_is_linear_and_the_neighbour_is_not() -> None:
    rng = numpy_stream(0, "xor")
    codes = rng.standard_normal((400, 2))
    classes = (codes[:, 0] * codes[:, 1] > 0).astype(int)
    learned, asked = slice(200), slice(200, 400)
    sides = codes[learned], classes[learned], codes[asked], classes[asked]
    assert nearest_training_code(*sides).mean() > 0.9
    assert linear_probe(*sides).mean() < 0.65


def test_the_scale_of_a_dimension_does_not_matter_to_the_linear_probe() -> None:
    rng = numpy_stream(0, "scale")
    classes = np.arange(100) % 2
    codes = rng.standard_normal((100, 3)) + classes[:, None]
    stretched = codes * [1e-4, 1.0, 1e4] + [3.0, 0.0, -7.0]
    ours = linear_probe(codes, classes, codes, classes)
    assert np.array_equal(ours, linear_probe(stretched, classes, stretched, classes))


def test_the_nearest_code_is_that_of_a_slow_search() -> None:
    rng = numpy_stream(0, "slow")
    codes, test = rng.standard_normal((50, 4)), rng.standard_normal((20, 4))
    classes, test_classes = rng.integers(3, size=50), rng.integers(3, size=20)
    slow = [
        classes[min(range(50), key=lambda i: float(np.sum((codes[i] - one) ** 2)))] == wanted
        for one, wanted in zip(test, test_classes, strict=True)
    ]
    assert nearest_training_code(codes, classes, test, test_classes).tolist() == slow


@pytest.mark.parametrize("probe", PROBES)
def test_one_class_cannot_be_told_from_another(probe) -> None:
    with pytest.raises(Undefined, match="1 class"):
        probe(np.zeros((4, 2)), np.zeros(4, int), np.zeros((2, 2)), np.zeros(2, int))


def test_directions_are_those_that_vary() -> None:
    rng = numpy_stream(0, "directions")
    turned, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    codes = rng.standard_normal((500, 6)) * [5, 5, 5, 0, 0, 0]
    assert directions(codes @ turned + 40) == 3
    assert directions(rng.standard_normal((500, 6))) == 6
    assert directions(np.ones((10, 6))) == 0
    assert directions(np.diag([10.0, 1.0]).repeat(2, axis=0), share=0.5) == 1
