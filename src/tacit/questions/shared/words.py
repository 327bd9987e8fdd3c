"""The words that all answers share."""

from collections.abc import Sequence

from tacit.evidence.refine import TOLERANCE
from tacit.measures.formatting import percent, show
from tacit.measures.intervals import decide
from tacit.measures.number import Number

ONE_SEED = (
    "With one seed, every interval is given the models of that seed: another training may turn out "
    "otherwise."
)


NOTABLE = 0.05
"""From this share of flagged values on, it is said on top."""


def flagged(share: Number) -> tuple[str, ...]:
    """The alert that so large a share of the values of log p(x) is unreliable, if it is notable."""
    if (share.value or 0.0) < NOTABLE:
        return ()
    return (f"{percent(share.value or 0.0)} of the values of log p(x) are flagged as unreliable.",)


MOSTLY_CONVERGED = 0.95


def unconverged(share: float, would: str) -> str:
    """The caveat that many refinements fell short; "" where most were found to converge.

    would: what more steps would do.
    """
    if share >= MOSTLY_CONVERGED:
        return ""
    return (
        f"Only {percent(share)} of the refinements were found to lack at most {TOLERANCE:g} nats; "
        f"more steps would {would}."
    )


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names as a sentence lists them.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b"], "or")
    ('a', 'a, b and c', 'a or b')
    """
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def many(n: int, noun: str, plural: str = "") -> str:
    """So many of something.

    >>> many(1, "seed"), many(1200, "image"), many(2, "class", "classes")
    ('1 seed', '1,200 images', '2 classes')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def left_out(of: int, kept: int, what: str) -> str:
    """The caveat that some of the classes have too few images; "" where all are kept.

    >>> left_out(10, 9, "test images"), left_out(10, 10, "test images")
    ('1 of 10 classes has fewer than two test images and is left out.', '')
    """
    if of == kept:
        return ""
    have, are = ("has", "is") if of - kept == 1 else ("have", "are")
    return f"{of - kept} of {of} classes {have} fewer than two {what} and {are} left out."


def verdict(difference: Number, *, higher: str, lower: str, alike: str, undefined: str = "") -> str:
    """The sentence that a difference's interval decides for, with the difference in place of {}.

    Where the direction is said in words, the difference stands without its sign.

    Args:
        higher, lower: where the interval lies above, or below zero.
        alike: where it holds zero. undefined: where there is none; by default as `alike`.

    >>> words = dict(higher="a is better by {}", lower="b is better by {}", alike="either ({})")
    >>> verdict(Number(-2.0, -3.0, -1.0, 5, "nats"), **words)
    'b is better by 2.0 nats (1.0 to 3.0)'
    >>> verdict(Number(1.0, -1.0, 3.0, 5, "nats"), **words)
    'either (+1.0 nats (-1.0 to 3.0))'
    """
    decided = decide(difference)
    if decided == "higher":
        return higher.format(show(difference))
    if decided == "lower":
        return lower.format(show(-difference))
    text = undefined if decided == "undefined" and undefined else alike
    return text.format(show(difference, sign=True))
