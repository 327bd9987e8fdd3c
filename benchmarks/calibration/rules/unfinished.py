"""Whether a training had finished: `measures.unfinished.still_falling`."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.signal import lfilter

from benchmarks.calibration.rules import Rule, Verdict
from tacit.measures.distances import Floats
from tacit.measures.unfinished import still_falling

Curve = Callable[[Floats], Floats]


def exponential(rate: float) -> Curve:
    return lambda t: np.exp(-rate * t)


def power(start: float) -> Curve:
    """Like 1 / t, once t is well above exp(-start)."""
    return lambda t: 1 / (1 + t * np.exp(start))


def gaining(kind: Callable[[float], Curve], gain: float) -> Curve:
    """The curve of its kind that falls by `gain` of its whole fall if trained as long again."""

    def excess(parameter: float) -> float:
        begun, now, later = kind(parameter)(np.arange(3.0))
        return float((now - later) / (begun - now) - gain)

    return kind(brentq(excess, 0.05, 12.0))


def called(curve: Curve, *, noise: float, correlation: float = 0.0, n: int = 300) -> Verdict:
    """Whether it is said of n losses, with noise as a share of the whole fall, autocorrelated."""

    def verdict(rng: np.random.Generator) -> bool:
        shocks = rng.normal(size=n) * np.sqrt(1 - correlation**2)
        shocks[0] /= np.sqrt(1 - correlation**2)
        error = noise * lfilter([1.0], [1.0, -correlation], shocks)
        return still_falling(curve(np.arange(n) / n) + error)[1]

    return verdict


RESTED = exponential(15.0)

RULES = (
    Rule(
        "unfinished",
        "training had not finished",
        null={
            "the loss rests, independent noise": called(RESTED, noise=0.2),
            "it rests, noise of autocorrelation 0.5": called(RESTED, noise=0.2, correlation=0.5),
            "0.5, of 100 losses": called(RESTED, noise=0.2, correlation=0.5, n=100),
            "it rests, noise of autocorrelation 0.8": called(RESTED, noise=0.2, correlation=0.8),
            "as long again lowers it by 2 % of its whole fall, as exp(-t) does": called(
                gaining(exponential, 0.02), noise=0.01
            ),
            "by 2 %, as 1 / t does": called(gaining(power, 0.02), noise=0.01),
        },
        effects={
            "as long again lowers it by 10 % of its whole fall, as exp(-t) does": called(
                gaining(exponential, 0.1), noise=0.01
            ),
            "by 10 %, as 1 / t does": called(gaining(power, 0.1), noise=0.01),
            "by 10 %, as exp(-t) does, noise of 5 %": called(gaining(exponential, 0.1), noise=0.05),
            "by 20 %, as 1 / t does": called(gaining(power, 0.2), noise=0.01),
        },
        repeats=1500,
    ),
)
