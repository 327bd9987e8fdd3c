"""How often a nominal 95 % interval of the engine covers the truth."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from benchmarks.calibration.fabricated import Layout, crossed, right_or_wrong
from tacit.measures.distances import Floats
from tacit.measures.engine import Measured, difference
from tacit.measures.number import Number

KEPT = Path(__file__).parent / "coverage.json"

LAYOUTS = (
    *(Layout(seeds=s) for s in (2, 3, 5, 10)),
    *(Layout(draws=d) for d in (5, 10, 20)),
    *(Layout(images=n) for n in (36, 359, 10_000)),
    *(Layout(seeds=s, draws=10) for s in (2, 3, 5, 10)),
    *(Layout(seeds=3, draws=d) for d in (5, 20)),
    *(Layout(seeds=s, images=359) for s in (2, 3, 5, 10)),
    *(Layout(seeds=3, images=n) for n in (36, 10_000)),
    *(Layout(draws=d, images=359) for d in (5, 10, 20)),
    *(Layout(seeds=s, draws=10, images=359) for s in (2, 3, 5, 10)),
    Layout(seeds=2, draws=5, images=36),
    Layout(seeds=3, draws=5, images=359),
    Layout(seeds=10, draws=20, images=359),
    Layout(seeds=3, draws=10, images=10_000),
)
SHORT = (
    Layout(images=100),
    Layout(draws=10),
    Layout(seeds=2, images=100),
    Layout(seeds=3, images=100),
    Layout(seeds=3, draws=10),
    Layout(seeds=5, draws=5, images=36),
)

INTERACTIONS = {"seed × draw": 0.1, "seed × image": 0.1, "draw × image": 0.1, "rest": 0.1}
ABOVE_ZERO: dict[str, dict[str, float]] = {
    "all alike": {"seed": 1, "draw": 1, "image": 1, **INTERACTIONS},
    "mostly seeds": {"seed": 1, "draw": 0.1, "image": 0.1, **INTERACTIONS},
    "mostly draws": {"seed": 0.1, "draw": 1, "image": 0.1, **INTERACTIONS},
    "mostly images": {"seed": 0.1, "draw": 0.1, "image": 1, **INTERACTIONS},
    "seeds and images": {"seed": 1, "draw": 0.1, "image": 1, **INTERACTIONS},
    "draws and images": {"seed": 0.1, "draw": 1, "image": 1, **INTERACTIONS},
}
"""What each effect gives the variance of the mean, where all factors matter."""

SOME_ZERO: dict[str, dict[str, float]] = {
    "no seeds": {"draw": 1, "image": 1, "draw × image": 0.1, "rest": 0.1},
    "no draws": {"seed": 1, "image": 1, "seed × image": 0.1, "rest": 0.1},
    "no images": {"seed": 1, "draw": 1, "seed × draw": 0.1, "rest": 0.1},
    "images alone": {"image": 1, "seed × image": 0.2, "draw × image": 0.2, "rest": 0.1},
    "combinations alone": {"seed × draw": 1, "seed × image": 1, "draw × image": 1, "rest": 1},
    "rest alone": {"rest": 1},
}
"""The same where some of the factors do nothing."""

SKEWED = ("gamma", "exponential", "lognormal")


@dataclass(frozen=True)
class Coverage:
    """How often an interval covered.

    Attributes:
        layout: over what. group: a column of the table. case: what was fabricated.
        share: of the intervals that were defined. undefined: how many were not.
    """

    layout: Layout
    group: str
    case: str
    share: float
    undefined: int


Case = tuple[str, str, Callable[[np.random.Generator], tuple[Number, float]]]
"""Its group, its name, and what makes an interval and says the truth."""


def cases(layout: Layout) -> Iterable[Case]:
    """What is fabricated for one layout; alike cases (of factors it does not have) once."""
    seen: set[tuple[tuple[str, float], ...]] = set()
    for group, tables in (("all above zero", ABOVE_ZERO), ("some zero", SOME_ZERO)):
        for name, terms in tables.items():
            kept = _of(layout, terms)
            shares = tuple((k, v / sum(kept.values())) for k, v in kept.items())
            none = any(factor not in kept for factor in layout.factors)
            if not kept or shares in seen or none != (group == "some zero"):
                continue
            seen.add(shares)
            yield group, name, lambda rng, terms=terms: _mean(rng, layout, terms)
    for law in SKEWED:
        for factor in layout.factors:
            terms = {f: (1.0 if f == factor else 0.3) for f in layout.factors}
            yield (
                f"skewed {factor}s",
                law,
                lambda rng, law=law, factor=factor, terms=terms: _mean(
                    rng, layout, terms | {"rest": 0.1}, {factor: law}
                ),
            )
    if "image" in layout.factors:
        for accuracy in (0.6, 0.9, 0.98):
            yield (
                "accuracy",
                f"{100 * accuracy:.0f} %",
                lambda rng, accuracy=accuracy: _accuracy(rng, layout, accuracy),
            )
            yield (
                "accuracy, paired",
                f"{100 * accuracy:.0f} %",
                lambda rng, accuracy=accuracy: _paired(rng, layout, accuracy),
            )
        yield "two samples", "normal", lambda rng: _two_samples(rng, layout)


def coverages(layouts: Iterable[Layout], repeats: int, seed: int = 0) -> list[Coverage]:
    """Of all cases of these layouts, each fabricated so many times."""
    found = []
    for layout in layouts:
        fewer = max(repeats // 4, 50) if np.prod(layout.shape) > 50_000 else repeats
        for number, (group, name, make) in enumerate(cases(layout)):
            rng = np.random.default_rng((seed, *layout.shape, number))
            inside = undefined = 0
            for _ in range(fewer):
                interval, truth = make(rng)
                if interval.low is None or interval.high is None:
                    undefined += 1
                else:
                    inside += interval.low <= truth <= interval.high
            share = inside / max(fewer - undefined, 1)
            found.append(Coverage(layout, group, name, share, undefined))
    return found


def errors(found: Iterable[Coverage], least: float, repeats: int) -> list[str]:
    """The cases that cover less than `least` where nothing is skewed, beyond the noise."""
    noise = 2 * (least * (1 - least) / repeats) ** 0.5
    return [
        f"{one.layout}, {one.group}, {one.case}: covers {100 * one.share:.1f} %"
        for one in found
        if one.share < least - noise and not one.group.startswith("skewed")
    ]


def keep(found: Sequence[Coverage]) -> list[Coverage]:
    """Write what was found beside what was kept of other layouts; all of it, in their order."""
    kept: dict[Layout, list[Coverage]] = {}
    if KEPT.exists():
        for entry in json.loads(KEPT.read_text(encoding="utf-8")):
            one = Coverage(Layout(*entry[0]), *entry[1:])
            kept.setdefault(one.layout, []).append(one)
    for layout in {one.layout for one in found}:
        kept[layout] = [one for one in found if one.layout == layout]
    everything = [one for layout in LAYOUTS for one in kept.get(layout, [])]
    rows = [json.dumps([one.layout.shape, *astuple(one)[1:]]) for one in everything]
    KEPT.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    return everything


def markdown(found: Iterable[Coverage]) -> str:
    """A table with a row for each layout: the lowest and the highest coverage of each group."""
    by_layout: dict[Layout, dict[str, list[float]]] = {}
    groups: list[str] = []
    for one in found:
        group = "skewed" if one.group.startswith("skewed") else one.group
        if one.group.startswith("skewed"):
            group = f"skewed: {one.case}"
        groups += [group] if group not in groups else []
        by_layout.setdefault(one.layout, {}).setdefault(group, []).append(one.share)
    groups.sort(key=lambda g: (g.startswith("skewed"), g.startswith(("accuracy", "two"))))
    lines = [
        f"| seeds | draws | images | {' | '.join(groups)} |",
        f"| --- | --- | --- |{' --- |' * len(groups)}",
    ]
    for layout, row in by_layout.items():
        cells = ["" if g not in row else _range(min(row[g]), max(row[g])) for g in groups]
        counts = [f"{n:,}" if n > 1 else "" for n in layout.shape]
        lines.append(f"| {' | '.join([*counts, *cells])} |")
    return "\n".join(lines) + "\n"


def _range(low: float, high: float) -> str:
    first, last = f"{100 * low:.1f}", f"{100 * high:.1f}"
    return first if first == last else f"{first} to {last}"


def _of(layout: Layout, terms: Mapping[str, float]) -> dict[str, float]:
    """Those terms whose factors the layout has."""
    kept = {}
    for name, term in terms.items():
        needed = layout.factors if name == "rest" else tuple(name.split(" × "))
        if set(needed) <= set(layout.factors) and (name != "rest" or len(layout.factors) == 3):
            kept[name] = term
    return kept


def _measured(values: Floats, layout: Layout, unit: str = "") -> Measured:
    shape = [n for n in layout.shape if n > 1]
    return Measured(values.reshape(shape), layout.factors, unit)


def _mean(
    rng: np.random.Generator,
    layout: Layout,
    terms: Mapping[str, float],
    laws: Mapping[str, str] | None = None,
) -> tuple[Number, float]:
    return _measured(crossed(rng, layout, _of(layout, terms), laws), layout).mean(), 0.0


SCORES = {"seed": 0.1, "draw": 0.2, "image": 1.0, "seed × image": 0.3, "draw × image": 0.5}


def _accuracy(rng: np.random.Generator, layout: Layout, accuracy: float) -> tuple[Number, float]:
    sizes = _of(layout, SCORES)
    right = right_or_wrong(rng, layout, accuracy, sizes)
    return _measured(right, layout, "accuracy").mean(), accuracy


def _paired(rng: np.random.Generator, layout: Layout, accuracy: float) -> tuple[Number, float]:
    """Two methods, one of them a point better, that share images, draws and seeds."""
    sides = np.random.default_rng(rng.integers(2**63))
    state = sides.bit_generator.state
    right = []
    for better in (0.0, 0.01):
        sides.bit_generator.state = state  # the same effects, and half of the noise, on both
        own = right_or_wrong(sides, layout, accuracy + better, _of(layout, SCORES))
        other = right_or_wrong(rng, layout, accuracy + better, _of(layout, SCORES))
        changed = sides.random(layout.shape) < 0.2
        right.append(np.where(changed, other, own))
    gap = _measured(right[1], layout, "accuracy") - _measured(right[0], layout, "accuracy")
    return gap.mean(), 0.01


def _two_samples(rng: np.random.Generator, layout: Layout) -> tuple[Number, float]:
    """Training and test images under the same seeds and draws, four times as many in training."""
    terms = _of(layout, ABOVE_ZERO["seeds and images"])
    both = Layout(layout.seeds, layout.draws, 5 * layout.images)
    values = crossed(rng, both, {k: v for k, v in terms.items() if "image" in k})
    shared = crossed(rng, layout, {k: v for k, v in terms.items() if "image" not in k})
    n = layout.images
    test = _measured(values[..., :n] + shared[..., :1], layout)
    train = _measured(values[..., n:], Layout(layout.seeds, layout.draws, 4 * n))
    return difference(test, train).mean(), 0.0
