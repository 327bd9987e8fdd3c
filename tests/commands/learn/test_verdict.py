"""What the page of ``tacit learn`` says of the images without a label."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sentences import numbers_in
from tacit.commands.learn.page import _verdict
from tacit.measures.number import Number, undefined
from tacit.questions.verdicts import MOST_NUMBERS, MOST_WORDS, Verdict, words_in


@pytest.mark.parametrize(
    ("unsure", "verdict"), [(0, Verdict.YES), (50, Verdict.YES), (51, Verdict.NO)]
)
def test_at_most_five_in_a_hundred_may_be_named_with_little_confidence(
    unsure: int, verdict: Verdict
) -> None:
    judged: Any = SimpleNamespace(temperature=Number(1.2))
    said = _verdict(judged, np.r_[np.full(unsure, 0.49), np.full(1000 - unsure, 0.5)])
    assert said.verdict is verdict
    assert said.headline.startswith(f"{unsure} of 1,000 images")
    assert words_in(said.headline) <= MOST_WORDS
    assert numbers_in(said.headline) <= MOST_NUMBERS


def test_a_confidence_that_was_not_calibrated_tells_nothing() -> None:
    judged: Any = SimpleNamespace(temperature=undefined("no label could be held out"))
    assert _verdict(judged, np.full(10, 0.9)).verdict is Verdict.CANNOT_TELL
