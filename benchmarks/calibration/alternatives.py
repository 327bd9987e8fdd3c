"""What other intervals would cover where the engine's cover too little or too much.

    python -m benchmarks.calibration.alternatives

For the mean of a few skewed units: Student's t; Johnson's modified t (1978); Hall's transformation
(1992) at t's quantile, both sides as they come or neither side shortened; a bootstrap of t; and the
engine's own. For seeds × draws (× images) where some factors do nothing: the engine's, and
Satterthwaite's degrees of freedom alone. Half a minute of one core.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import stdtrit

from benchmarks.calibration.coverage import ABOVE_ZERO, SOME_ZERO, _of
from benchmarks.calibration.fabricated import Layout, crossed, standard
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured
from tacit.measures.engine.ends import MOST_SKEWED, ends

UNITS = (3, 5, 10, 20, 36)
LAWS = ("normal", "heavy", "gamma", "exponential", "lognormal")
ENDLESS = 1e6
STUDIES, FEWER, RESAMPLES = 4000, 400, 499
LAYOUTS = (
    Layout(seeds=2, draws=10),
    Layout(seeds=3, draws=10),
    Layout(seeds=10, draws=10),
    Layout(seeds=2, images=359),
    Layout(seeds=3, images=359),
    Layout(seeds=2, draws=10, images=100),
)

Ends = tuple[Floats, Floats]


class Studies:
    """Units of many studies, (R, n), whose mean is 0, and what is known of each."""

    def __init__(self, x: Floats) -> None:
        n = x.shape[1]
        self.x, self.n = x, n
        self.mean, sd = x.mean(axis=1), x.std(axis=1, ddof=1)
        self.error = sd / np.sqrt(n)
        cubes = ((x - self.mean[:, None]) ** 3).sum(axis=1)
        self.third = cubes * n / ((n - 1) * (n - 2)) / sd**3
        self.quantile = float(stdtrit(n - 1, 0.975))


def student(of: Studies) -> Ends:
    half = of.quantile * of.error
    return of.mean - half, of.mean + half


def johnson(of: Studies) -> Ends:
    """mean + shift ± q · error, where shift = third / (6 √n) errors, inverted to first order."""
    t = of.mean / of.error
    modified = t + of.third / np.sqrt(of.n) * (1 / 6 + t**2 / 3)
    # As the test it is: the interval of which 0 is inside exactly where the test accepts.
    return -of.quantile - modified, of.quantile - modified


def hall(of: Studies, *, shorten: bool) -> Ends:
    """Hall's cubic transformation, turned round at t's quantile."""
    skew = np.clip(of.third / np.sqrt(of.n), -MOST_SKEWED, MOST_SKEWED)
    skew = np.where(np.abs(skew) < 1e-6, 1e-6, skew)
    q = of.quantile
    below, above = (3 / skew * (np.cbrt(1 + skew * (x - skew / 6)) - 1) / x for x in (q, -q))
    if not shorten:
        below, above = np.maximum(below, 1), np.maximum(above, 1)
    return of.mean - q * of.error * below, of.mean + q * of.error * above


def bootstrap(of: Studies) -> Ends:
    """Quantiles of t over resamples of the first `FEWER` studies."""
    rng = np.random.default_rng(0)
    lows, highs = [], []
    for x, mean, error in zip(of.x[:FEWER], of.mean, of.error, strict=False):
        again = x[rng.integers(of.n, size=(RESAMPLES, of.n))]
        errors = again.std(axis=1, ddof=1) / np.sqrt(of.n)
        # A resample of one unit alone has no spread, and a t without end.
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (again.mean(axis=1) - mean) / np.where(errors > 1e-12, errors, 0.0)
        t = np.nan_to_num(t, nan=0.0, posinf=ENDLESS, neginf=-ENDLESS)
        low, high = np.quantile(t, [0.025, 0.975])
        lows.append(mean - high * error)
        highs.append(mean - low * error)
    return np.array(lows), np.array(highs)


def engine(of: Studies) -> Ends:
    both = [Measured(x, ("seed",)).mean() for x in of.x[:FEWER]]
    return np.array([n.low for n in both]), np.array([n.high for n in both])


INTERVALS: Mapping[str, Callable[[Studies], Ends]] = {
    "Student's t": student,
    "Johnson's t": johnson,
    "Hall": lambda of: hall(of, shorten=True),
    "Hall, none shorter": lambda of: hall(of, shorten=False),
    "bootstrap of t": bootstrap,
    "the engine's": engine,
}


def units_of(law: str, studies: int, n: int) -> Floats:
    rng = np.random.default_rng((n, LAWS.index(law)))
    if law == "heavy":
        return rng.standard_t(3, (studies, n))
    return standard(rng, (studies, n), law)


def few_units() -> str:
    """A table: how often each interval covers, in percent, and its width beside Student's."""
    lines = [
        f"| units | law | {' | '.join(INTERVALS)} |",
        "| --- | --- |" + " --- |" * len(INTERVALS),
    ]
    for n in UNITS:
        for law in LAWS:
            of = Studies(units_of(law, STUDIES, n))
            student_width = 2 * of.quantile * of.error
            cells = []
            for name, make in INTERVALS.items():
                low, high = make(of)
                wide = np.median((high - low) / student_width[: len(low)])
                inside = 100 * np.mean((low <= 0) & (high >= 0))
                width = f" ({wide:.2f})" if wide < 100 else " (endless)"
                cells.append(f"{inside:.1f}" + ("" if name == "Johnson's t" else width))
            lines.append(f"| {n} | {law} | {' | '.join(cells)} |")
    return "\n".join(lines)


def crossed_factors(studies: int = FEWER) -> str:
    """A table: the lowest and highest coverage over cases, in percent."""
    lines = ["| seeds | draws | images | cases | the engine's | Satterthwaite's alone |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for layout in LAYOUTS:
        for group, tables in (("all above zero", ABOVE_ZERO), ("some zero", SOME_ZERO)):
            shares = []
            for number, terms in enumerate(tables.values()):
                kept = _of(layout, terms)
                none = any(factor not in kept for factor in layout.factors)
                if not kept or none != (group == "some zero"):
                    continue
                rng = np.random.default_rng((*layout.shape, number))
                shares.append(_covered(rng, layout, kept, studies))
            low, high = 100 * np.min(shares, axis=0), 100 * np.max(shares, axis=0)
            cells = [f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True)]
            counts = [f"{n:,}" if n > 1 else "" for n in layout.shape]
            lines.append(f"| {' | '.join([*counts, group, *cells])} |")
    return "\n".join(lines)


def _covered(
    rng: np.random.Generator, layout: Layout, terms: Mapping[str, float], studies: int
) -> Floats:
    """The shares of intervals that cover: the engine's, and Satterthwaite's alone."""
    inside = []
    for _ in range(studies):
        values = crossed(rng, layout, terms)
        shape = [n for n in layout.shape if n > 1]
        measured = Measured(values.reshape(shape), layout.factors)
        whole = measured.spread
        if whole.variance == 0:
            continue
        alone = type(whole)(whole.variance, whole.known[:1], whole.skewness, whole.terms)
        both = [ends(measured.value, spread, 0.95) for spread in (whole, alone)]
        inside.append([low <= 0 <= high for low, high in both])
    return np.mean(inside, axis=0)


if __name__ == "__main__":
    print(few_units(), crossed_factors(), sep="\n\n")
