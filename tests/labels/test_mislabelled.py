"""Labels that are probably wrong."""

import numpy as np
import pytest

from tacit.labels.draws import Labelled
from tacit.labels.mislabelled import doubts


def test_changed_labels_are_found_with_the_class_that_fits() -> None:
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(3), 60)
    codes = 6 * np.eye(3)[true] + rng.normal(size=(180, 3))
    given, changed = true.copy(), np.array([3, 17, 70, 100, 130, 170])
    given[changed] = (true[changed] + 1) % 3
    found = doubts(codes, Labelled(np.arange(180), given), 3)
    assert set(np.argsort(-found.wrong)[:6]) == set(changed)
    assert (found.fits[changed] == true[changed]).all()
    assert (found.wrong[changed] > 0.5).all()
    assert np.delete(found.wrong, changed).mean() < 0.05


def test_one_label_of_each_class_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="two labels each"):
        doubts(np.eye(3), Labelled(np.arange(3), np.arange(3)), 3)
