"""A verdict: yes, no, cannot tell or not finished, with the sentence and the number it rests on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tacit.measures.formatting import percent
from tacit.measures.intervals import decide
from tacit.measures.number import Number

MOST_WORDS, MOST_NUMBERS = 25, 2
"""Of a headline."""


class Verdict(StrEnum):
    """What a question's numbers say."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot tell"
    NOT_FINISHED = "not finished"


@dataclass(frozen=True)
class Said:
    """A verdict in words.

    Attributes:
        headline: one sentence of at most `MOST_WORDS` words and `MOST_NUMBERS` numbers.
        key: the one of the finding's numbers that the verdict rests on; "" for none.
        label: what that number is, for a reader.
    """

    verdict: Verdict
    headline: str
    key: str = ""
    label: str = ""


def ruled(difference: Number, *, yes: str = "higher") -> Verdict:
    """Yes where a difference's interval lies on the side called `yes`, no where on the other.

    >>> ruled(Number(2.0, 1.0, 3.0)), ruled(Number(2.0, -1.0, 3.0)), ruled(Number(-2.0, -3.0, -1.0))
    (<Verdict.YES: 'yes'>, <Verdict.CANNOT_TELL: 'cannot tell'>, <Verdict.NO: 'no'>)
    """
    decided = decide(difference)
    if decided not in ("higher", "lower"):
        return Verdict.CANNOT_TELL
    return Verdict.YES if decided == yes else Verdict.NO


def not_finished(said: Said, unfinished: Mapping[str, float]) -> Said:
    """In place of a verdict on runs whose training had not finished.

    Args:
        unfinished: by run, by what share of its whole fall its loss still fell
            (`tacit.measures.unfinished`); none leaves the verdict as it is.
    """
    if not unfinished:
        return said
    worst = max(unfinished, key=lambda run: unfinished[run])
    others = len(unfinished) - 1
    more = f" (and {others} more)" if others else ""
    return replace(
        said,
        verdict=Verdict.NOT_FINISHED,
        headline=f"Training of {worst}{more} had not finished, so no verdict is given.",
    )


def alert(run: str, share: float) -> str:
    """What is said on top of a run whose training had not finished."""
    if share >= 1:
        return f"{run} was trained for too few updates to tell whether it had finished."
    return (
        f"Training of {run} had not finished: over the last tenth of its updates the loss fell by "
        f"{percent(share)} of its whole fall."
    )


def words_in(sentence: str) -> int:
    """How many words a sentence has; a number with its unit counts as its parts."""
    return len(sentence.split())


def numbers_in(sentence: str) -> int:
    """How many numbers stand in a sentence; digits within names are none.

    >>> numbers_in("vae-2 gains 1,234.5 nats, 3 % more"), numbers_in("a code of 64")
    (2, 1)
    """
    return len(re.findall(r"(?<![\w.-])[-+−±]?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?(?![\w-])", sentence))
