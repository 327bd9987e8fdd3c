"""A number measured over seeds, draws and images, before its mean is taken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tacit.measures.distances import Floats
from tacit.measures.engine import ends
from tacit.measures.engine.parts import Parts
from tacit.measures.engine.variance import IMAGE, Spread, Strata, cell_means, spread
from tacit.measures.number import Number, columns, undefined

FACTORS = ("seed", "draw", "image")
PLURAL = {"seed": "seeds", "draw": "draws", "image": "images"}
SHARES = ("accuracy", "share")
"""Units of what lies between none and all."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Values with a named axis for each factor that they vary over.

    A factor is missing where the number does not depend on it (a method without a seed), or where
    it was averaged within another (the training images of a draw). A factor of one unit is held
    fixed: intervals are given that seed, draw or image, and say so. Draws are the same for every
    seed and images for every seed and draw: they are crossed.

    Attributes:
        values: one number for each combination, with the axes that `factors` names.
        factors: names of the axes, among "seed", "draw" and "image", in any order.
        unit: "nats", "accuracy", …; means in "accuracy" or "share" lie within [0, 1].
        names: what the units of a factor are called, in the plural: {"image": "test images"}.
        given: what else was held fixed, such as "this model".
        strata: which of several independent samples each image belongs to, (N,), integers below
            the number of `weights`; None for one sample.
        weights: how the samples' means are added up to one number, (H,).
        paired: whether it is a difference of two numbers of the same units.
        step: by how much one image can change its value where it is right or wrong; 0 where
            values are continuous. Found by itself, as are the next two.
        share: whether its mean lies between none and all, so that its interval does.
        scale: how large the numbers were that it was computed from.
        samples: of a difference of two samples of images, how many each has and their names.
        floor: what the mean cannot be below, such as 0 for squared errors; its interval ends there.

    Raises:
        ValueError: where axes and factors do not match.

    >>> losses = Measured([[1.0, 3.0, 2.0], [2.0, 3.0, 4.0]], ("seed", "image"), "nats")
    >>> losses.mean().value
    2.5
    >>> (losses - losses.average("image")).factors
    ('seed', 'image')
    """

    values: Floats
    factors: tuple[str, ...] = FACTORS
    unit: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    given: str = ""
    strata: NDArray[np.int64] | None = None
    weights: Floats | None = None
    paired: bool = False
    step: float | None = None
    share: bool | None = None
    scale: float | None = None
    samples: tuple[tuple[int, str], ...] = ()
    floor: float = -np.inf

    def __post_init__(self) -> None:
        said: Any = self.values
        raw = np.asarray(said)
        factors = tuple(self.factors)
        unknown = [f for f in factors if f not in FACTORS]
        if unknown or len(set(factors)) != len(factors):
            raise ValueError(f"factors are {factors}; each of {FACTORS} at most once is possible")
        if raw.ndim != len(factors):
            raise ValueError(
                f"values have shape {raw.shape}, which is {raw.ndim} axes, for the factors "
                f"{factors}"
            )
        order = sorted(range(len(factors)), key=lambda k: FACTORS.index(factors[k]))
        values = np.asarray(raw, np.float64).transpose(order)
        put = object.__setattr__
        put(self, "values", values)
        put(self, "factors", tuple(factors[k] for k in order))
        if self.scale is None:
            put(self, "scale", float(np.max(np.abs(values), initial=0.0)))
        if self.share is None:
            inside = values.size > 0 and bool(np.min(values) >= 0 and np.max(values) <= 1)
            put(self, "share", self.unit in SHARES and inside)
        if self.step is None:
            counted = raw.dtype == bool or (self.share and bool(np.isin(values, (0.0, 1.0)).all()))
            put(self, "step", 1.0 if counted and "image" in factors else 0.0)
        if self.strata is not None:
            self._check_strata()

    def _check_strata(self) -> None:
        position, weights = np.asarray(self.strata), np.asarray(self.weights, np.float64)
        if position.shape != (self.size("image"),) or weights.ndim != 1:
            raise ValueError(
                f"`strata` has shape {position.shape} and `weights` {weights.shape}; one stratum "
                f"for each of {self.size('image')} images, (N,), and (H,) are needed"
            )
        if len(position) and not 0 <= position.min() <= position.max() < len(weights):
            raise ValueError(
                f"`strata` holds {position.min()} to {position.max()}; "
                f"there are {len(weights)} weights"
            )
        object.__setattr__(self, "strata", position.astype(np.int64))
        object.__setattr__(self, "weights", weights)

    @classmethod
    def of_seeds(
        cls,
        per_seed: Sequence[ArrayLike],
        unit: str = "",
        factors: tuple[str, ...] = ("image",),
        **said: Any,
    ) -> "Measured":
        """From the values of every seed, by default one per image, (N,), of the same images.

        What is the same for every seed (of the originals, say) does not depend on the seed.

        Args:
            per_seed: one array for each seed, with the axes that `factors` names.
            said: any other attribute, such as `names`.

        >>> Measured.of_seeds([[1.0, 2.0], [1.0, 2.0]]).factors
        ('image',)
        """
        rows = [np.asarray(row) for row in per_seed]
        if len(rows) > 1 and all(np.array_equal(row, rows[0]) for row in rows):
            return cls(rows[0], factors, unit, **said)
        return cls(np.stack(rows), ("seed", *factors), unit, **said)

    def __repr__(self) -> str:
        axes = " × ".join(f"{self.size(f)} {self._named(f)}" for f in self.factors)
        return f"Measured({axes}{f', {self.unit}' if self.unit else ''})"

    def size(self, factor: str) -> int:
        """How many units of a factor there are; 1 where it is missing."""
        return self.values.shape[self.factors.index(factor)] if factor in self.factors else 1

    # What is known of the mean ------------------------------------------------------------------

    def mean(self, level: float = 0.95, together: int = 1) -> Number:
        """The mean with its interval, which accounts for every factor of two units or more.

        Args:
            level: how often it covers.
            together: of so many intervals that all cover that often, widened by Bonferroni's rule.

        Undefined, with the reason, where there is no value, where values are not finite, where no
        factor has two units, and where nothing varies (unless images are right or wrong: then all
        of them being right is known up to so many images).
        """
        if why := self._undefined:
            value = self.value if self.defined else None
            return undefined(why, value=value, n=self._n, unit=self.unit)
        each = 1 - (1 - level) / together
        if self.share:
            low, high = ends.share_ends(self.value, self.spread, each, self._images)
        else:
            low, high = ends.ends(self.value, self.spread, each)
        low = max(low, min(self.floor, self.value))
        several = f" for {together} together" if together > 1 else ""
        said = f"{100 * level:g} %{several} over {self.over}"
        return Number(self.value, low, high, self._n, self.unit, said)

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided; below 1 - level exactly where the interval leaves `null` out.

        1 where the interval is undefined: nothing was measured to test by.
        """
        if self._undefined:
            return 1.0
        if self.share:
            return ends.share_p_value(self.value, self.spread, null, self._images)
        return ends.p_value(self.value, self.spread, null)

    @cached_property
    def value(self) -> float:
        """The mean, or the weighted sum of the strata's means."""
        return float(cell_means(self._cube, self._strata).mean())

    @cached_property
    def spread(self) -> Spread:
        """The variance of the mean, its degrees of freedom, and its parts."""
        found = spread(self._cube, self._strata, self.scale or 0.0)
        if not self.step or self.share:
            return found
        # Right or wrong: one step up and one down are added (Agresti and Min 2005 for paired
        # shares), so that none that differ are not taken for certainty.
        strata, cells = self._strata, found.cells_an_image(self._cube.shape)
        added = float(np.sum((strata.weights * self.step / (cells * strata.counts + 2)) ** 2))
        terms = dict(found.terms)
        terms[IMAGE,] = terms.get((IMAGE,), 0.0) + added
        variance = found.variance + added
        kept = found.variance / variance
        known = tuple((share * kept if k else 1.0, f) for k, (share, f) in enumerate(found.known))
        if kept == 0:
            known = ((1.0, float(np.sum(strata.counts) - 1)),)
        return Spread(variance, known, found.skewness * kept**1.5, terms)

    @property
    def standard_error(self) -> float:
        """Of the mean; 0 where nothing varies. Also about the median change by new units."""
        return float(np.sqrt(self.spread.variance)) if self.defined and not self._undefined else 0.0

    @property
    def parts(self) -> Parts:
        """Which factor the mean's variance comes from, and what to buy more of."""
        terms = {} if self._undefined else self.spread.terms
        sizes = {f: self.size(f) for f in self.factors}
        return Parts.of(terms, sizes, {f: self._named(f) for f in self.factors}, self.unit)

    @property
    def over(self) -> str:
        """What the interval is over, in words: "3 seeds × 10 draws × 359 test images, paired"."""
        several = [self._counted(f) for f in self.factors if self.size(f) > 1]
        fixed = [f"this {f}" for f in self.factors if self.size(f) == 1]
        text = " × ".join(several) + (", paired" if self.paired else "")
        given = [*fixed, *([self.given] if self.given else [])]
        return text + (f", given {' and '.join(given)}" if given else "")

    # Making others of it ------------------------------------------------------------------------

    def __sub__(self, other: "Measured") -> "Measured":
        """Paired: factors that both have are the same units in the same order.

        A factor that one of them lacks is one it does not depend on.

        Raises:
            ValueError: where both have a factor with different numbers of units.
        """
        both = self._with(other, np.subtract)
        return replace(both, paired=True, share=False, unit=_of_difference(self.unit))

    def __add__(self, other: "Measured") -> "Measured":
        """The sum, of the same units."""
        return self._with(other, np.add)

    def __neg__(self) -> "Measured":
        return replace(
            self, values=-self.values, share=False, unit=_of_difference(self.unit), floor=-np.inf
        )

    def scaled(self, factor: float, unit: str) -> "Measured":
        """In another unit, such as 100 and "percentage points"; `Number.scaled` keeps a share's
        interval within none and all."""
        return replace(
            self,
            values=self.values * factor,
            unit=unit,
            step=(self.step or 0.0) * abs(factor),
            share=False,
            scale=(self.scale or 0.0) * abs(factor),
            floor=self.floor * factor if factor > 0 else -np.inf,
        )

    def apply(self, function: Callable[[Floats], Floats], unit: str = "") -> "Measured":
        """A function of every single value, such as `np.exp`."""
        return replace(
            self, values=function(self.values), unit=unit, step=0.0, share=None, scale=None
        )

    def take(self, factor: str, which: ArrayLike) -> "Measured":
        """Only some units of a factor: indices, or one True or False a unit."""
        axis = self.factors.index(factor)
        index = np.arange(self.size(factor))[np.asarray(which)]
        strata = self.strata
        if factor == "image" and strata is not None:
            strata = strata[index]
        return replace(self, values=np.take(self.values, index, axis=axis), strata=strata)

    def average(self, factor: str) -> "Measured":
        """Averaged over a factor, which is gone then: its spread counts no more by itself."""
        if factor == "image":
            means = cell_means(self._cube, self._strata)
            keep = tuple(f for f in self.factors if f != "image")
            shape = tuple(self.size(f) for f in keep)
            return replace(
                self,
                values=means.reshape(shape),
                factors=keep,
                strata=None,
                weights=None,
                step=0.0,
                samples=(),
            )
        axis = self.factors.index(factor)
        keep = tuple(f for f in self.factors if f != factor)
        return replace(self, values=self.values.mean(axis=axis), factors=keep)

    def by_class(self, classes: ArrayLike, n_classes: int) -> "tuple[Measured, ...]":
        """The images of each class apart; a class without images has an undefined mean.

        Args:
            classes: integers in [0, n_classes), (N,).
        """
        y = self._classes(classes, n_classes)
        return tuple(self.take("image", y == c) for c in range(n_classes))

    def stratified(self, classes: ArrayLike, n_classes: int | None = None) -> "Measured":
        """Every class counts alike, and what lies between classes is no part of the interval.

        Args:
            classes: integers, (N,); those of [0, n_classes) count, by default those there are.
        """
        found = np.asarray(classes)
        if n_classes is None:
            found, n_classes = np.unique(found, return_inverse=True)[1], len(np.unique(found))
        y = self._classes(found, n_classes)
        return replace(self, strata=y, weights=np.full(n_classes, 1 / max(n_classes, 1)))

    # Inside -------------------------------------------------------------------------------------

    @property
    def _cube(self) -> Floats:
        """Seeds × draws × images, (S, D, N)."""
        return self.values.reshape(tuple(self.size(f) for f in FACTORS))

    @cached_property
    def _strata(self) -> Strata:
        if self.strata is None or self.weights is None:
            return Strata(np.zeros(self.size("image"), np.int64), np.ones(1))
        return Strata(self.strata, self.weights)

    @property
    def defined(self) -> bool:
        """Whether the mean has a value."""
        there = self.values.size > 0 and bool((self._strata.counts > 0).all())
        return there and bool(np.isfinite(self.values).all())

    @cached_property
    def _undefined(self) -> str:
        """Why the mean has no interval; "" where it has one."""
        for factor in self.factors:
            if self.size(factor) == 0:
                return f"no {self._named(factor)}"
        counts = self._strata.counts
        if (counts == 0).any():
            return f"no {self._named('image')} in {_several(int((counts == 0).sum()), len(counts))}"
        if wrong := int(np.sum(~np.isfinite(self.values))):
            return f"{wrong} of {self.values.size} values are not finite"
        several = [f for f in self.factors if self.size(f) > 1]
        if not several:
            names = " or ".join(self._named(f) for f in self.factors)
            return f"n = 1, no spread between {names}" if names else "one value, no spread"
        if "image" in several and (counts == 1).any():
            few = _several(int((counts == 1).sum()), len(counts))
            return f"n = 1, no spread between {self._named('image')} in {few}"
        if self.spread.variance == 0 and not (self.share and self.step):
            return f"no spread between the {' × '.join(self._counted(f) for f in several)}"
        return ""

    @property
    def _images(self) -> int:
        return self.size("image")

    @property
    def _n(self) -> int:
        """Of the factor with the fewest units that has several."""
        sizes = [self.size(f) for f in self.factors]
        return min((n for n in sizes if n > 1), default=min(sizes, default=1))

    def _named(self, factor: str) -> str:
        return self.names.get(factor, PLURAL[factor])

    def _counted(self, factor: str) -> str:
        if factor == "image" and self.samples:
            return f"({' and '.join(f'{n:,} {name}' for n, name in self.samples)})"
        return f"{self.size(factor):,} {self._named(factor)}"

    def _classes(self, classes: ArrayLike, n_classes: int) -> NDArray[np.int64]:
        y = np.asarray(classes)
        if y.shape != (self.size("image"),) or "image" not in self.factors:
            raise ValueError(
                f"`classes` has shape {y.shape}; one for each of {self.size('image')} images, "
                "(N,), is needed"
            )
        if len(y) and not np.issubdtype(y.dtype, np.integer):
            raise ValueError(f"`classes` holds {y.dtype}; integers are needed")
        if len(y) and not 0 <= y.min() <= y.max() < n_classes:
            raise ValueError(
                f"`classes` holds {y.min()} to {y.max()}; classes are 0 to {n_classes - 1}"
            )
        return y.astype(np.int64)

    def _expanded(self, factors: Sequence[str]) -> Floats:
        """The values with a length of 1 along the factors of `factors` that they lack."""
        return self.values.reshape(tuple(self.size(f) for f in FACTORS if f in factors))

    def _with(self, other: "Measured", operation: Callable[[Floats, Floats], Floats]) -> "Measured":
        factors = tuple(f for f in FACTORS if f in self.factors or f in other.factors)
        for f in factors:
            sizes = [m.size(f) for m in (self, other) if f in m.factors]
            if len(set(sizes)) > 1:
                raise ValueError(
                    f"one number has {sizes[0]} {self._named(f)}, the other {sizes[1]}: pairs need "
                    f"the same; leave the factor '{f}' out of what does not depend on it"
                )
        has_images = [m for m in (self, other) if "image" in m.factors]
        layout = [(m.strata, m.weights) for m in has_images]
        if len(layout) == 2 and not all(_same(a, b) for a, b in zip(*layout, strict=True)):
            raise ValueError("one number has other strata of images than the other")
        strata, weights = layout[0] if layout else (None, None)
        return Measured(
            operation(self._expanded(factors), other._expanded(factors)),
            factors,
            self.unit or other.unit,
            {**other.names, **self.names},
            self.given or other.given,
            strata,
            weights,
            self.paired or other.paired,
            max(self.step or 0.0, other.step or 0.0),
            False,
            max(self.scale or 0.0, other.scale or 0.0),
            self.samples or other.samples,
        )


def difference(first: Measured, second: Measured) -> Measured:
    """mean(first) - mean(second) of two independent samples of images, such as test and training.

    Seeds and draws are shared, and paired; images are not. Where both are `stratified` by the same
    classes, the difference is within classes, which count alike.

    Raises:
        ValueError: where one has no images, or both have different numbers of seeds or draws.

    >>> test = Measured([[3.0, 5.0], [4.0, 6.0]], ("seed", "image"), names={"image": "test images"})
    >>> train = Measured([[1.0, 2.0, 3.0], [2.0, 3.0, 3.0]], ("seed", "image"),
    ...                  names={"image": "training images"})
    >>> difference(test, train).mean().interval
    '95 % over 2 seeds × (2 test images and 3 training images)'
    """
    sides = (first, second)
    if any("image" not in m.factors for m in sides):
        raise ValueError("both sides need images; a - b takes what has none")
    factors = tuple(f for f in FACTORS if any(f in m.factors for m in sides))
    cubes = []
    for m in sides:
        sizes = [max(s.size(f) for s in sides) for f in factors]
        for f, size in zip(factors, sizes, strict=True):
            if f in m.factors and f != "image" and m.size(f) != size:
                raise ValueError(
                    f"one side has {m.size(f)} {m._named(f)}, the other {size}: they are paired, "
                    f"so leave the factor '{f}' out of what does not depend on it"
                )
        sizes[-1] = m.size("image")
        cubes.append(np.broadcast_to(m._expanded(factors), sizes))
    strata: list[NDArray[np.int64]] = []
    weights: list[Floats] = []
    for m, sign in zip(sides, (1.0, -1.0), strict=True):
        own = np.zeros(m.size("image"), np.int64) if m.strata is None else m.strata
        strata.append(own + sum(map(len, weights)))
        weights.append(sign * (np.ones(1) if m.weights is None else m.weights))
    return Measured(
        np.concatenate(cubes, axis=-1),
        factors,
        _of_difference(first.unit),
        {**second.names, **first.names, "image": "images"},
        first.given or second.given,
        np.concatenate(strata),
        np.concatenate(weights),
        False,
        max(m.step or 0.0 for m in sides),
        False,
        max(m.scale or 0.0 for m in sides),
        tuple(s for m in sides for s in (m.samples or ((m.size("image"), m._named("image")),))),
    )


def ratio(numerator: Measured, denominator: Measured, unit: str = "") -> Measured:
    """mean(numerator) / mean(denominator) of the same units, as values whose mean is the ratio.

    To first order a ratio R differs from its limit by the mean of (a - R b) / mean(b), so that
    R + (a - R b) / mean(b) have the mean R and its spread: the delta method, as an infinitesimal
    jackknife (Efron 1982, "The jackknife, the bootstrap and other resampling plans", chapter 6). It
    holds where mean(b) is far from zero for its own error. Undefined where mean(b) is zero.

    >>> ratio(Measured([1.0, 3.0], ("image",)), Measured([2.0, 2.0], ("image",))).mean().value
    1.0
    """
    below = denominator.value if denominator.defined else float("nan")
    r = numerator.value / below if below and numerator.defined else float("nan")
    linear = numerator._with(denominator, lambda a, b: r + (a - r * b) / (below or np.nan))
    paired = numerator.paired or denominator.paired
    return replace(linear, unit=unit, step=0.0, scale=None, paired=paired)


def _of_difference(unit: str) -> str:
    return "share" if unit == "accuracy" else unit


def _same(first: Any, second: Any) -> bool:
    return (first is None) == (second is None) and (
        first is None or bool(np.array_equal(first, second))
    )


def _several(found: int, of: int) -> str:
    return "the sample" if of == 1 else f"{found} of {of} classes or samples"


def bands(
    values: ArrayLike, factors: tuple[str, ...], unit: str = "", **said: Any
) -> tuple[Floats, Floats, Floats]:
    """Means, lower and upper ends along a curve, (E,) each; ends are NaN where undefined.

    Each point's interval is its own; they do not hold together.

    Args:
        values: with the axes that `factors` names and then the points of the curve, (…, E).
        said: any other attribute of `Measured`.
    """
    x = np.asarray(values)
    points = [Measured(x[..., k], factors, unit, **said).mean() for k in range(x.shape[-1])]
    means, low, high = columns(points)
    return means, low, high
