"""Every chart: whole, deterministic, and true to its numbers."""

import re
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tacit.figures import charts, style
from tacit.figures.charts import Panel, Series
from tacit.figures.charts.curves import apart
from tacit.figures.charts.trials import accuracy_range, spread, unspread
from tacit.measures.number import Number

TEXT, PATH, USE, GROUP = (f"{{{style.SVG}}}{tag}" for tag in ("text", "path", "use", "g"))
HOSTILE = "<b>&$\\x$\x00"
CLASSES = ["cat", HOSTILE, "dog"]


def near(value: float) -> Number:
    return Number(value, value - 1, value + 1, 3, "nats", "95 % t over 3 seeds")


ALONE = Number(2.0, n=1, interval="undefined: n = 1")
NOTHING = Number(None, interval="undefined: one class only")
values = np.random.default_rng(0).normal(size=90)

EXAMPLES = {
    "curves": partial(charts.curves, Panel([Series(HOSTILE, [1, 2, 3], [3, 1, 2])], "x", "y")),
    "curves, everything": partial(
        charts.curves,
        *[
            Panel(
                [
                    Series("a", [1, 10, 100], [3, np.nan, 2], [2, 1, 1], [4, 3, 3], points=True),
                    Series("b", [1, 10], [3, 4], colour=0, dashed=True),
                ],
                "updates",
                "loss",
                f"panel {i}",
                log_x=True,
                log_y=True,
                levels=[(2.5, "floor")],
                marks=[(10, "turn")],
            )
            for i in range(5)
        ],
    ),
    "intervals": partial(
        charts.intervals,
        CLASSES,
        {"train": [near(1), ALONE, NOTHING], "test": [near(2), near(3), near(4)]},
        x_label="nats",
        reference=0,
        reference_label="chance",
    ),
    "draws": partial(
        charts.draws,
        CLASSES,
        {"": values.reshape(3, 30)},
        {"": [near(1), ALONE, NOTHING]},
        x_label="accuracy",
    ),
    "paired differences": partial(
        charts.paired_differences, values, x_label="d", number=near(0), below="a", above="b"
    ),
    "histogram": partial(
        charts.histogram,
        {"train": values, HOSTILE: values + 1},
        x_label="log p(x)",
        marks=[(1, "mean")],
    ),
    "bars": partial(
        charts.bars, CLASSES, {"a": [1, 2, -3]}, y_label="KL", levels=[(1, "threshold")]
    ),
    "scatter": partial(
        charts.scatter, {"a": ([1, 2, 3], [3, 1, 2])}, x_label="ink", y_label="y", names=CLASSES
    ),
    "confusion": partial(charts.confusion, [[5, 1, 0], [0, 7, 0], [2, 0, 9]], CLASSES),
    "trials": partial(
        charts.trials,
        [1, 10, 100],
        [
            charts.Trials("a", [[9, 11], [50, 52], [99, 99.99]], [near(10), near(51), near(99)]),
            charts.Trials(HOSTILE, np.full((3, 4), 100.0), [ALONE, NOTHING, ALONE], "100 %", 1),
            charts.Trials("c", [[0], [0], [0]], [NOTHING] * 3),
        ],
        x_label="labels",
        reference=1,
        reference_label="scratch",
        oracle=(99.5, "all labels"),
    ),
    "behind": partial(
        charts.behind,
        CLASSES,
        [
            charts.Behind("1 per class", [None, near(-3), ALONE], [False, True, False]),
            charts.Behind("10 per class", [near(-1), None, NOTHING], [False, False, False]),
            charts.Behind("100 per class", [near(-1), near(-2), None], [True, True, False]),
        ],
        x_label="points",
    ),
    "accuracy curves": partial(
        charts.curves,
        Panel(
            [Series("a", [1, 10], [0, 99], [0, 98], [1, 100], points=True)],
            "labels",
            "right, %",
            log_x=True,
            accuracy=True,
            x_ticks=[1, 10],
            levels=[(100, "all")],
        ),
    ),
    "reliability": partial(
        charts.reliability,
        [0.2, 0.5, 0.9],
        [0.1, 0.6, 0.9],
        [10, 0, 30],
        low=[0, 0, 0.8],
        high=[0.2, 1, 1],
    ),
}
EXTREMES = {
    "one point": partial(charts.curves, Panel([Series("a", [1], [1])], "x", "y")),
    "constant curve": partial(charts.curves, Panel([Series("a", [1, 2], [0, 0])], "x", "y")),
    "huge values": partial(charts.curves, Panel([Series("a", [1, 2], [1e30, -1e30])], "x", "y")),
    "many curves": partial(
        charts.curves, Panel([Series(f"{i}", [1, 2], [0, i]) for i in range(40)], "x", "y")
    ),
    "no difference": partial(charts.paired_differences, np.zeros(5), x_label="d"),
    "one difference": partial(charts.paired_differences, [1e-12], x_label="d"),
    "one value": partial(charts.histogram, {"a": [3.0]}, x_label="x"),
    "all undefined": partial(charts.intervals, ["a"], {"": [NOTHING]}, x_label="x"),
    "one trial": partial(
        charts.trials, [5], [charts.Trials("a", [[50]], [near(50)])], x_label="labels"
    ),
    "no draw": partial(charts.draws, ["a"], {"": [[]]}, {"": [NOTHING]}, x_label="x"),
    "one class": partial(charts.confusion, [[0]], ["only"]),
    "40 classes": partial(
        charts.confusion, np.eye(40, dtype=int), [f"class {i}" for i in range(40)]
    ),
}


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(TEXT)]


def place(element: ElementTree.Element) -> tuple[float, float]:
    """Where a text stands; matplotlib moves the turned ones by a transformation."""
    moved = re.search(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
    x, y = moved.groups() if moved else (element.get("x"), element.get("y"))
    return float(x), float(y)


@pytest.mark.parametrize("name", [*EXAMPLES, *EXTREMES])
def test_every_chart_is_whole_and_the_same_again(name):
    draw = (EXAMPLES | EXTREMES)[name]
    svg = draw()
    assert svg == draw()
    root = ElementTree.fromstring(svg)
    ids = {element.get("id") for element in root.iter()}
    for value in (value for element in root.iter() for value in element.attrib.values()):
        assert set(re.findall(r"(?:^|url\()#([\w-]+)", value)) <= ids
        assert "nan" not in value.lower()
    assert style.INK not in svg.decode()
    width, height = (float(root.get(side)[:-2]) for side in ("width", "height"))
    for element in root.iter(TEXT):
        x, y = place(element)
        assert -20 <= x <= width + 20, element.text
        assert -20 <= y <= height + 20 or name == "many curves", element.text


def test_a_curve_lies_where_its_numbers_are():
    x, y = np.array([0, 1, 3, 7]), np.array([2.0, -1, 5, 4])
    root = ElementTree.fromstring(charts.curves(Panel([Series("", x, y)], "x", "y")))
    (path,) = (
        p
        for p in root.iter(PATH)
        if style.colour(0) in p.get("style", "") and "clip-path" in p.attrib
    )
    points = np.array(re.findall(r"[ML] (\S+) (\S+)", path.get("d")), dtype=float)
    for drawn, meant, direction in ((points[:, 0], x, 1), (points[:, 1], y, -1)):
        slope, start = np.polyfit(meant, drawn, 1)
        assert np.allclose(slope * meant + start, drawn, atol=0.01)
        assert slope * direction > 0


def test_cells_of_the_confusion_matrix_hold_their_counts():
    counts = np.array([[51, 12, 0], [3, 74, 6], [0, 25, 98]])
    drawn = {}
    for element in ElementTree.fromstring(charts.confusion(counts, ["a", "b", "c"])).iter(TEXT):
        if element.text.isdigit():
            drawn[int(element.text)] = float(element.get("x")), float(element.get("y"))
    assert sorted(drawn) == sorted(counts[counts > 0])
    assert drawn[51][1] == drawn[12][1] < drawn[74][1] < drawn[98][1]  # true classes downwards
    assert drawn[12][0] == drawn[74][0] == drawn[25][0] > drawn[3][0]  # answers to the right


def test_shares_of_pairs_are_written():
    found = texts(
        charts.paired_differences([-1, 1, 2, 3], x_label="d", below="encoder", above="per image")
    )
    assert "← 25 % · encoder" in found
    assert "75 % · per image →" in found


def test_an_undefined_number_says_why():
    assert "undefined: one class only" in texts(EXAMPLES["intervals"]())


def test_every_draw_is_a_dot():
    draws = values.reshape(3, 30)
    numbers = {"": [NOTHING] * 3}
    root = ElementTree.fromstring(charts.draws(["a", "b", "c"], {"": draws}, numbers, x_label="x"))
    clouds = [group for group in root.iter(GROUP) if style.colour(0) in group.get("style", "")]
    dots = [dot for cloud in clouds for dot in cloud.iter(USE)]
    assert len(dots) == 90
    order = np.argsort(np.argsort([float(dot.get("x")) for dot in dots]))
    assert (order == np.argsort(np.argsort(np.sort(draws, 1).ravel()))).all()


@pytest.mark.parametrize(
    ("draw", "rule"),
    [
        (charts.curves, "no panel"),
        (lambda: Panel([], "x", "y", "Loss"), "'Loss' has no curves"),
        (
            lambda: charts.curves(Panel([Series("a", [1, 2], [1])], "x", "y")),
            r"'a' has x of shape \(2,\) and y of shape \(1,\)",
        ),
        (
            lambda: charts.curves(Panel([Series("a", [1], [np.nan])], "x", "y")),
            "'a' has no finite value",
        ),
        (lambda: charts.intervals([], {}, x_label="x"), "no rows"),
        (
            lambda: charts.intervals(["a"], {"test": [near(1), near(2)]}, x_label="x"),
            "'test' has 2 rows for 1 labels",
        ),
        (lambda: charts.paired_differences([np.nan], x_label="d"), "1 values, none of them finite"),
        (lambda: charts.bars(["a"], {"g": [1, 2]}, y_label="y"), r"shape \(2,\) for 1 labels"),
        (lambda: charts.confusion(np.eye(3), ["a"]), r"shape \(3, 3\) for 1 classes"),
        (lambda: charts.reliability([0.5], [0.5], [0]), "every bin is empty"),
        (lambda: charts.histogram({}, x_label="x"), "no groups"),
        (lambda: charts.scatter({"a": ([1], [1, 2])}, x_label="x", y_label="y"), "1 x and 2 y"),
    ],
)
def test_what_cannot_be_drawn_is_named(draw, rule):
    with pytest.raises(ValueError, match=rule):
        draw()


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 100)))
def test_names_are_kept_apart(wanted):
    heights = apart(wanted, 8.0, 0.0, 100.0)
    ordered = np.sort(heights)[::-1]
    assert (np.diff(ordered) <= -8 + 1e-6).all()
    assert heights.max() <= 100 + 1e-9
    order = np.argsort(-wanted, kind="stable")
    assert (np.diff(heights[order]) < 0).all()


@given(st.integers(1, 8))
def test_names_with_room_stay_where_they_are(count):
    wanted = np.linspace(100, 10, count)
    assert np.allclose(apart(wanted, 8.0, 0.0, 100.0), wanted)


def test_an_axis_of_accuracy_gives_each_halving_of_the_errors_the_same_height() -> None:
    heights = spread([80.0, 90.0, 95.0, 97.5])
    np.testing.assert_allclose(np.diff(heights), np.log(2))
    np.testing.assert_allclose(unspread(heights), [80, 90, 95, 97.5])
    assert np.isfinite(spread(100.0))
    low, high = accuracy_range([[10.0, np.nan], [[100.0]]])
    assert low < 10
    assert high < 100


def test_trials_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="no methods"):
        charts.trials([1], [], x_label="x")
    with pytest.raises(ValueError, match="'a' has 1 means and values of shape"):
        charts.trials([1, 2], [charts.Trials("a", [[1]], [near(1)])], x_label="x")


def test_training_and_test_images_look_alike_in_every_chart() -> None:
    """Blue and solid, orange and dashed, in whatever order a question draws them."""
    one = Number(1.0, 0.5, 1.5)
    blue, orange = style.PALETTE[:2]
    for svg in (
        charts.curves(
            Panel([Series(s, [0, 1], [0, 1], split=s) for s in ("test", "train")], "x", "y")
        ),
        charts.intervals(["a"], {"test": [one], "train": [one]}, x_label="x"),
        charts.histogram({"test": [1.0, 2.0], "train": [1.0, 3.0]}, x_label="x"),
        charts.scatter({"test": ([1.0], [2.0]), "train": ([1.0], [3.0])}, x_label="x", y_label="y"),
        charts.bars(["a"], {"test": [1.0], "train": [2.0]}, y_label="y"),
    ):
        text = svg.decode()
        assert blue in text
        assert orange in text
        assert style.PALETTE[2] not in text
    alone = charts.curves(Panel([Series("x", [0, 1], [0, 1], split="test")], "x", "y")).decode()
    assert orange in alone
    assert "stroke-dasharray" in alone
    solid = charts.curves(Panel([Series("x", [0, 1], [0, 1], split="train")], "x", "y")).decode()
    assert blue in solid
    run = charts.curves(
        Panel([Series("x", [0, 1], [0, 1], colour=3, split="test")], "x", "y")
    ).decode()
    assert style.PALETTE[3] in run, "where colours tell runs apart, dashes tell the split"
    assert orange not in run


def test_a_chart_of_panels_knows_its_first() -> None:
    """The view box lies inside the drawing and holds the first panel's axes alone."""
    panel = Panel([Series("a", [0, 1], [0, 1])], "x", "y", "left")
    assert style.PANEL not in charts.curves(panel).decode()
    root = ElementTree.fromstring(charts.curves(panel, panel))
    left, top, width, height = map(float, root.get(style.PANEL, "").split())
    whole = list(map(float, root.get("viewBox", "").split()))
    assert left >= 0
    assert top >= 0
    assert 0.35 * whole[2] < width < 0.55 * whole[2]
    assert 0.8 * whole[3] < height <= whole[3]


def test_on_a_card_the_drawing_is_smaller_and_its_letters_are_not() -> None:
    made = charts.curves(Panel([Series("a", [0, 1], [0, 1])], "x", "y", "title"))
    large, card = (ElementTree.fromstring(svg) for svg in (made, made.smaller()))
    assert charts.curves(Panel([Series("a", [0, 1], [0, 1])], "x", "y", "title")) == made

    def letters(root: ElementTree.Element) -> set[str]:
        return {re.search(r"[\d.]+px", text.get("style", ""))[0] for text in root.iter(TEXT)}

    assert letters(card) == letters(large)
    sizes = [[float(v) for v in root.get("viewBox", "").split()[2:]] for root in (large, card)]
    assert sizes[1] == pytest.approx(np.multiply(sizes[0], style.ON_A_CARD[0]), rel=0.01)


def test_where_names_leave_no_room_on_a_card_nothing_is_drawn_for_it() -> None:
    long = ["a name of thirty-two letters, or so"] * 2
    assert charts.intervals(long, {"": [near(1.0)] * 2}, x_label="x").smaller() is not None
    rows = [Series(f"{n} {'W' * 30}", [0, 1], [n, n]) for n in range(3)]
    wide = charts.curves(Panel(rows, "x", "y"))
    assert wide.smaller() is None
    assert b"W" * 30 in wide  # only on a card it would have been cut


def test_a_legend_of_long_names_has_fewer_columns() -> None:
    """What a browser writes stays within the drawing: names stand in columns that have room."""

    def places(names: list[str]) -> list[tuple[float, float]]:
        numbers = {name: [near(1.0)] for name in names}
        root = ElementTree.fromstring(charts.intervals(["row"], numbers, x_label="x"))
        texts = {text.text: text for text in root.iter(TEXT)}
        return [(float(texts[n].get("x", "0")), float(texts[n].get("y", "0"))) for n in names]

    assert len({x for x, _ in places(["a", "b", "c", "d"])}) == 4
    wide = [f"a name of some length, {k}" for k in range(4)]
    found = places(wide)
    assert len({x for x, _ in found}) == 2
    assert max(x for x, _ in found) / 0.75 + 7 * len(wide[0]) < style.WIDTH


def test_a_million_dots_are_drawn_as_few_darker_ones():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000_000)
    y = x + rng.normal(size=len(x))
    svg = charts.scatter({"all": (x, y)}, x_label="x", y_label="y")
    assert len(svg) < 400_000
    assert svg.count(b"<use") < 64 * 64 + 100
    few = charts.scatter({"all": (x[:2000], y[:2000])}, x_label="x", y_label="y")
    assert few.count(b"<use") == 2000
