"""By class: means, the top class, confusions, the most wrong."""

import re

import numpy as np
import pytest

from tacit.measures.classes import confusion_matrix, most_wrong


def test_confusion_matrix_by_hand() -> None:
    found = confusion_matrix([0, 0, 1, 2], [0, 1, 1, 0], 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert confusion_matrix(np.zeros(0, int), np.zeros(0, int), 2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match=re.escape("`predicted` holds 0 to 3; classes are 0 to 2")):
        confusion_matrix([0, 1], [0, 3], 3)
    with pytest.raises(ValueError, match="integers"):
        confusion_matrix([0.0], [0.0], 3)


def test_most_wrong_worst_first_and_ties_by_index() -> None:
    assert most_wrong([0.5, 3.0, 0.5, 9.0], 3).tolist() == [3, 1, 0]
    assert most_wrong([1.0], 5).tolist() == [0]
