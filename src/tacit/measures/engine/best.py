"""Which of several is best, whether that is known, and which are not distinguishable from it.

Two different questions, with a rule each:

- *Is the winner above the next?* The winner is seen in the same data, and yet its ordinary 95 %
  intervals against the others need no correction (Gutmann and Maymin 1987; Hung and Fithian 2019,
  "Rank verification for exponential families"). With equal variances the next decides; with unequal
  ones every other is asked, and the largest p-value counts, since one that lies lower may be known
  less well (Goldwasser and others 2025).
- *Which of the others are worse?* That makes several statements, so their intervals are widened to
  hold together (Bonferroni over the others), and it is these that are shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tacit.measures.engine.measured import Measured, difference
from tacit.measures.number import Number, Undefined


@dataclass(frozen=True)
class Best:
    """The best of several, against each of the others.

    Attributes:
        best, second: names of the highest and the next mean.
        lead: best - second, with its own 95 % interval, which needs no correction.
        distinguishable: whether the best's own intervals against all others lie above zero.
        differences: best - other by name, with intervals that hold together in 95 %.
    """

    best: str
    second: str
    lead: Number
    distinguishable: bool
    differences: Mapping[str, Number]

    @property
    def alike(self) -> tuple[str, ...]:
        """The others that are not distinguishable from the best."""
        return tuple(
            n for n, d in self.differences.items() if d.low is not None and not d.excludes_zero
        )

    @property
    def worse(self) -> tuple[str, ...]:
        """The others that are worse."""
        return tuple(n for n, d in self.differences.items() if d.low is not None and d.low > 0)

    @property
    def undefined(self) -> tuple[str, ...]:
        """The others against which nothing can be said, as their difference has no interval."""
        return tuple(n for n, d in self.differences.items() if d.low is None)


def best(
    measured: Mapping[str, Measured],
    *,
    winner: str | None = None,
    minus: Callable[[Measured, Measured], Measured] = Measured.__sub__,
) -> Best:
    """The one of highest mean (negate losses first), and what is known about its lead.

    Args:
        measured: by name, two or more.
        winner: the one that all are compared with, where another rule chose it; by default the
            highest.
        minus: how two are compared: paired, or `difference` of two samples of images.

    Raises:
        Undefined: where fewer than two have a value.

    >>> import numpy as np
    >>> draws = np.arange(10.0) % 3
    >>> found = best({
    ...     "graph": Measured(draws + 2, ("draw",)),
    ...     "linear": Measured(draws + np.arange(10) % 2, ("draw",)),
    ... })
    >>> found.best, found.distinguishable, found.worse
    ('graph', True, ('linear',))
    """
    ranked = sorted((n for n in measured if measured[n].defined), key=lambda n: -measured[n].value)
    if len(ranked) < 2:
        raise Undefined(f"{len(ranked)} of {len(measured)} have a value; two are needed")
    first = ranked[0] if winner is None else winner
    if first not in ranked:
        raise ValueError(f"winner is '{first}'; those with a value are {', '.join(ranked)}")
    others = [n for n in ranked if n != first]
    gaps = {n: minus(measured[first], measured[n]) for n in others}
    alone = {n: gap.mean() for n, gap in gaps.items()}
    distinguishable = all(d.low is not None and d.low > 0 for d in alone.values())
    differences = {n: gap.mean(together=len(others)) for n, gap in gaps.items()}
    return Best(first, others[0], alone[others[0]], distinguishable, differences)


def best_class(by_class: Mapping[str, Measured]) -> Best:
    """The class of highest mean: classes are independent samples of images, under shared seeds.

    Raises:
        Undefined: where fewer than two classes have an interval.

    >>> values = Measured([1.0, 2.0, 3.0, 7.0, 8.0, 9.0], ("image",))
    >>> found = best_class(dict(zip("01", values.by_class([0, 0, 0, 1, 1, 1], 2))))
    >>> found.best, found.lead.value, found.distinguishable
    ('1', 6.0, True)
    """
    known = {name: one for name, one in by_class.items() if one.size("image") > 1}
    if len(known) < 2:
        raise Undefined(f"{len(known)} classes have two images or more; two classes are needed")
    return best(known, minus=difference)
