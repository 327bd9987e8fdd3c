"""The answer of question `linear-layers` in words."""

from collections.abc import Iterator, Mapping

from tacit.measures.formatting import brief, percent, show
from tacit.measures.number import Number
from tacit.questions.finding import Table
from tacit.questions.linear_layers.numbers import LAYERS, Numbers
from tacit.questions.shared.seeds import Seeds
from tacit.questions.shared.words import verdict
from tacit.questions.verdicts import Said, Verdict, ruled

DECIDED_BY = (
    "The paired difference of squared error on test images after the last update: it is "
    "distinguishable where its 95 % interval over seeds and images together excludes zero."
)


def headline(numbers: Mapping[str, Number]) -> Said:
    """Whether the layer earns its place."""
    key = "with-minus-without.squared-error"
    share = numbers["difference-share"]
    text = {
        Verdict.YES: f"The middle linear layer earns its place: it takes {brief(-share)} off the "
        "test error.",
        Verdict.NO: f"The middle linear layer does not earn its place: it adds {brief(share)} to "
        "the test error.",
        Verdict.CANNOT_TELL: "Whether the middle linear layer helps cannot be told from the test "
        "error.",
    }
    found = ruled(numbers[key], yes="lower")
    return Said(found, text[found], key, "test error with the layer minus without it")


def sentences(seeds: Seeds[Numbers], numbers: Mapping[str, Number]) -> Iterator[str]:
    """Whether the layer helps, by how much, and what else differs."""
    difference = numbers["with-minus-without.squared-error"]
    share = show(numbers["difference-share"], sign=True)
    shown = f"{show(difference, sign=True)}, {share} of the error without it"
    yield verdict(
        difference,
        lower="The middle linear layer earns its place: with it the test error is lower "
        f"({shown}).",
        higher="The middle linear layer does not earn its place: with it the test error is higher "
        f"({shown}).",
        alike="Whether the middle linear layer helps is not distinguishable: the difference of "
        f"test error is {shown}.",
        undefined="Whether the middle linear layer helps is undecided: the difference of test "
        f"error is {shown}.",
    )
    yield (
        f"The squared error of a test image is {show(numbers['with.squared-error'])} with it and "
        f"{show(numbers['without.squared-error'])} without."
    )
    weights = {layers: seeds.first.network[layers].weights for layers in LAYERS}
    falling = {layers: numbers[f"{layers}.still-falling"].value or 0.0 for layers in LAYERS}
    yield (
        f"The network with it has {weights['with']:,} weights, the one without "
        f"{weights['without']:,}; over the last tenth of the updates the training loss still fell "
        f"by {percent(falling['with'])} with it and by {percent(falling['without'])} without."
    )


def caveats(seeds: Seeds[Numbers]) -> Iterator[str]:
    """What differs besides the layer."""
    codes = {layers: seeds.first.network[layers].code for layers in LAYERS}
    if codes["with"] != codes["without"]:
        yield (
            f"The codes differ in size, {codes['with']} and {codes['without']}: the difference "
            "is not that of the layer alone."
        )
    yield (
        "The two networks differ in their number of weights as well as in the layer, and each was "
        "trained for the same number of updates, not until it was finished."
    )


def table(seeds: Seeds[Numbers], numbers: Mapping[str, Number], runs: Mapping[str, str]) -> Table:
    """Both networks side by side; `runs` by `LAYERS`."""
    rows = tuple(
        (
            LAYERS[layers],
            run,
            seeds.first.network[layers].weights,
            numbers[f"{layers}.squared-error"],
            seeds.average(lambda one: one.network[layers].train),  # noqa: B023  # used at once
        )
        for layers, run in runs.items()
    )
    columns = ("network", "run", "weights", "test", "training, mean")
    return Table("Squared error per image, summed over pixels in [0, 1]", columns, rows)
