"""The answer of question `linear-layers` in words."""

from collections.abc import Iterator

from tacit.measures.formatting import brief
from tacit.questions.finding import Table
from tacit.questions.linear_layers.numbers import LAYERS, Found
from tacit.questions.verdicts import Said, Verdict, ruled

DECIDED_BY = (
    "The paired difference of squared error on test images after the last update: it is "
    "distinguishable where its 95 % interval over seeds and images together excludes zero."
)


def headline(found: Found) -> Said:
    """Whether the layer earns its place."""
    key = "with-minus-without.squared-error"
    share = found.numbers["difference-share"]
    text = {
        Verdict.YES: f"The middle linear layer earns its place: it takes {brief(-share)} off the "
        "test error.",
        Verdict.NO: f"The middle linear layer does not earn its place: it adds {brief(share)} to "
        "the test error.",
        Verdict.CANNOT_TELL: "Whether the middle linear layer helps cannot be told from the test "
        "error.",
    }
    told = ruled(found.numbers[key], yes="lower")
    return Said(told, text[told], key, "test error with the layer minus without it")


def caveats(found: Found) -> Iterator[str]:
    """What differs besides the layer."""
    codes = {layers: found.first.network[layers].code for layers in LAYERS}
    if codes["with"] != codes["without"]:
        yield (
            f"The codes differ in size, {codes['with']} and {codes['without']}: the difference "
            "is not that of the layer alone."
        )
    yield (
        "The two networks differ in their number of weights as well as in the layer, and each was "
        "trained for the same number of updates, not until it was finished."
    )


def table(found: Found) -> Table:
    """Both networks side by side."""
    seeds = found.seeds
    return Table.of(
        "Squared error per image, summed over pixels in [0, 1]",
        found.asked.by_layers,
        {
            "network": LAYERS.__getitem__,
            "run": found.asked.by_layers.__getitem__,
            "weights": lambda layers: found.first.network[layers].weights,
            "test": lambda layers: found.numbers[f"{layers}.squared-error"],
            "training, mean": lambda layers: seeds.average(lambda one: one.network[layers].train),
        },
    )
