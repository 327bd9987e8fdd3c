"""What is said of effective ranks: nothing is decided by them."""

import numpy as np

from tacit.questions.effective_rank.numbers import Found, Numbers, OfRun
from tacit.questions.effective_rank.question import EffectiveRank
from tacit.questions.effective_rank.words import headline, table
from tacit.questions.shared.seeds import Seeds
from tacit.questions.verdicts import Verdict

NOTHING = np.empty(0)


def test_the_smallest_share_of_the_directions_is_named_and_decides_nothing() -> None:
    """Not the smallest rank: 4 of 5 directions are more than 6 of 30."""
    runs = {"narrow": (5, 4.0), "wide": (30, 6.0)}
    of = {name: OfRun(*one, NOTHING, NOTHING, NOTHING, NOTHING) for name, one in runs.items()}
    found = Found(Seeds({0: Numbers(of), 1: Numbers(of)}), EffectiveRank(runs=tuple(runs)), None)  # type: ignore[arg-type]
    said = headline(found)
    assert said.verdict == Verdict.CANNOT_TELL
    assert said.headline.startswith("Codes of wide vary along about 6")
    assert said.key in found.numbers
    assert [row[:2] for row in table(found).rows] == [("narrow", 5), ("wide", 30)]
