"""What a question measured, typed, on every seed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.number import Number
from tacit.questions.typed import Measurement

T = TypeVar("T")
U = TypeVar("U")


def present(part: T | None) -> T:
    """A part that may be missing, of what was measured, where it is known to be there."""
    assert part is not None
    return part


@dataclass(frozen=True)
class Seeds(Generic[T]):
    """A question's dataclass of every seed; all seeds looked at the same images.

    Attributes:
        by_seed: in the order of the study's seeds.
    """

    by_seed: Mapping[int, T]

    @classmethod
    def of(cls, kind: type[T], measured: Mapping[int, Measurement]) -> "Seeds[T]":
        """From what is stored."""
        return cls({seed: found.typed(kind) for seed, found in measured.items()})

    def __len__(self) -> int:
        return len(self.by_seed)

    def __iter__(self) -> Iterator[T]:
        return iter(self.by_seed.values())

    @property
    def seed(self) -> int:
        """The seed whose pictures are shown."""
        return next(iter(self.by_seed))

    @property
    def first(self) -> T:
        """What was measured on it, and what is the same for every seed."""
        return self.by_seed[self.seed]

    def measured(
        self,
        values: Callable[[T], ArrayLike],
        unit: str = "",
        factors: tuple[str, ...] = ("image",),
        images: str = "test images",
        **said: Any,
    ) -> Measured:
        """An array of every seed, before its mean is taken; by default one value per test image.

        Args:
            values: takes the array out of what was measured on a seed.
            factors: its axes, as in `Measured`.
            images: what its images are called.
        """
        each = [values(one) for one in self]
        return Measured.of_seeds(each, unit, factors, names={"image": images}, **said)

    def each(self, part: Callable[[T], U]) -> "Seeds[U]":
        """A part of what was measured, of every seed."""
        return Seeds({seed: part(one) for seed, one in self.by_seed.items()})

    def pooled(self, values: Callable[[T], ArrayLike]) -> Floats:
        """An array of every seed, all in one row."""
        return np.concatenate([np.ravel(np.asarray(values(one), np.float64)) for one in self])

    def average(self, value: Callable[[T], float]) -> float:
        """The mean over seeds of a number without an interval."""
        return float(np.mean([value(one) for one in self]))


def means(numbers: Mapping[str, Measured | Number]) -> dict[str, Number]:
    """The means of what is not a number yet, with their intervals."""
    return {name: x.mean() if isinstance(x, Measured) else x for name, x in numbers.items()}
