"""A verdict: yes, no, cannot tell or not finished, with the sentence and the number it rests on."""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from tacit.measures.formatting import percent
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.measures.unfinished import StillFalling

MOST_WORDS, MOST_NUMBERS = 25, 2
"""Of a headline."""

MOST_TIMES = 10
"""Beyond so many times the updates, how many more are needed is not guessed."""


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
        runs: those that the verdict rests on; None for all that the question looks at.
    """

    verdict: Verdict
    headline: str
    key: str = ""
    label: str = ""
    runs: tuple[str, ...] | None = None


def ruled(difference: Number, *, yes: str = "higher") -> Verdict:
    """Yes where a difference's interval lies on the side called `yes`, no where on the other.

    >>> ruled(Number(2.0, 1.0, 3.0)), ruled(Number(2.0, -1.0, 3.0)), ruled(Number(-2.0, -3.0, -1.0))
    (<Verdict.YES: 'yes'>, <Verdict.CANNOT_TELL: 'cannot tell'>, <Verdict.NO: 'no'>)
    """
    decided = decide(difference)
    if decided not in ("higher", "lower"):
        return Verdict.CANNOT_TELL
    return Verdict.YES if decided == yes else Verdict.NO


def not_finished(said: Said, unfinished: Mapping[str, StillFalling]) -> Said:
    """In place of a verdict that rests on runs whose training had not finished, at least one."""
    worst = max(unfinished, key=lambda run: unfinished[run].share)
    others = _others(len(unfinished) - 1, "and of")
    return replace(
        said,
        verdict=Verdict.NOT_FINISHED,
        headline=f"Training of {worst}{others} had not finished, so no verdict is given.",
    )


def finished(runs: Iterable[str], unfinished: Container[str]) -> tuple[str, ...]:
    """The runs that a verdict can rest on: those whose training had finished, or all if none had.

    >>> finished(["a", "b"], {"b": 0.1}), finished(["b"], {"b": 0.1})
    (('a',), ('b',))
    """
    runs = tuple(runs)
    return tuple(run for run in runs if run not in unfinished) or runs


def had_not(runs: Sequence[str]) -> str:
    """To be put at the end of a headline on finished runs: which others had not finished.

    >>> had_not([]), had_not(["a"]), had_not(["a", "b"])
    ('', '; a had not finished', '; a and another run had not finished')
    """
    if not runs:
        return ""
    return f"; {runs[0]}{_others(len(runs) - 1, 'and')} had not finished"


def _others(n: int, joined: str) -> str:
    """So many runs beside one that is named."""
    if not n:
        return ""
    return f" {joined} another run" if n == 1 else f" {joined} {n} others"


def alert(run: str, falling: StillFalling) -> str:
    """What is said on top of a run whose training had not finished."""
    if falling.share >= 1:
        return f"{run} was trained for too few updates to tell whether it had finished."
    text = (
        f"Training of {run} had not finished: over the last tenth of its updates the loss fell by "
        f"{percent(falling.share)} of its whole fall"
    )
    times = enough(falling)
    return (
        f"{text}." if times is None else f"{text}; about {times:g} times as many updates should do."
    )


def enough(falling: StillFalling) -> float | None:
    """How many times as many updates are asked for; None where that is not guessed.

    >>> enough(StillFalling(0.03, 1.51)), enough(StillFalling(0.03, 100.0))
    (1.6, None)
    """
    if falling.times is None or falling.times > MOST_TIMES:
        return None
    # Rounded up: what is asked for is to be enough.
    return math.ceil(10 * falling.times) / 10


def words_in(sentence: str) -> int:
    """How many words a sentence has; a number with its unit counts as its parts."""
    return len(sentence.split())
