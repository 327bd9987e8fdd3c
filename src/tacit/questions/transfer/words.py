"""The answer of question `transfer` in words."""

from collections.abc import Iterator

from tacit.measures.formatting import brief, show
from tacit.questions.finding import Table
from tacit.questions.shared.majority_class import against_it
from tacit.questions.shared.words import many, verdict
from tacit.questions.transfer.numbers import Found
from tacit.questions.transfer.question import METHODS
from tacit.questions.verdicts import Said, Verdict, ruled

FEW_DRAWS = 10

DECIDED_BY = (
    "Differences are paired on the same draws, seeds and test images; one is distinguishable where "
    "its 95 % interval over all of them together excludes zero. The gap is test minus training "
    "cross-entropy. Every method is taken after its last update, and the test images chose nothing."
)


def headline(compared: Found) -> Said:
    """Whether the encoder that is transferred gains accuracy; the fine-tuned one, if there is."""
    key = f"{compared.judged}-minus-scratch.test-accuracy"
    gain = compared.numbers[key]
    labels = f"With {compared.first.labels} labels"
    text = {
        Verdict.YES: f"{labels}, the transferred encoder gains {brief(gain)} of accuracy.",
        Verdict.NO: f"{labels}, the transferred encoder costs {brief(-gain)} of accuracy.",
        Verdict.CANNOT_TELL: f"{labels}, transfer gains nothing measurable over training from "
        "scratch.",
    }
    runs = tuple(compared.asked.methods[method] for method in ("scratch", compared.judged))
    return Said(found := ruled(gain), text[found], key, "accuracy gained by transfer", runs)


def sentences(compared: Found) -> Iterator[str]:
    """What freezing does, and which method overfits less."""
    numbers, judged = compared.numbers, compared.judged
    if judged == "transferred" and "frozen" in compared.asked.methods:
        alone = verdict(
            numbers["frozen-minus-scratch.test-accuracy"],
            higher="gains {} over training from scratch",
            lower="does worse than training from scratch, by {}",
            alike="is not distinguishable from training from scratch ({})",
        )
        against = verdict(
            numbers["frozen-minus-transferred.test-accuracy"],
            higher="it does better than fine-tuning, by {}",
            lower="it does worse than fine-tuning, by {}",
            alike="frozen and fine-tuned are not distinguishable ({})",
        )
        yield f"Keeping the encoder frozen {alone}, and {against}."
    yield _beside_one_answer(compared)
    who = f"The classifier that is {METHODS[judged]}"
    yield verdict(
        numbers[f"{judged}-minus-scratch.gap"],
        higher=f"{who}, overfits more than the one from scratch: its gap is larger by {{}}.",
        lower=f"{who}, overfits less than the one from scratch: its gap is smaller by {{}}.",
        alike="How much the two overfit is not distinguishable ({}).",
        undefined="Which of the two overfits less is undecided: their gaps differ by {}.",
    )


def _beside_one_answer(compared: Found) -> str:
    """What always giving one answer would reach, where a method is not clearly above it."""
    always, n = compared.numbers["always-most-frequent-class"], len(compared.asked.methods)
    found = [
        against_it(compared.numbers[f"{m}.test-accuracy"], always.value or 0.0)
        for m in compared.asked.methods
    ]
    above = found.count("better")
    if above == n:
        return ""
    against = (
        "no method does as well as that"
        if found.count("worse") == n
        else f"{above or 'none'} of the {n} methods {'is' if above < 2 else 'are'} "
        "distinguishably above that"
    )
    return (
        "The classes are uneven: always answering the class that is most frequent in training "
        f"would be right on {show(always)}, and {against}."
    )


def caveats(compared: Found) -> Iterator[str]:
    """What the encoder has seen, and how many comparisons there are."""
    yield (
        "The encoder was learned elsewhere, from other pictures, perhaps with labels of theirs. "
        if compared.first.elsewhere
        else "The encoder that is transferred has seen all training images, only without their "
        "labels. "
    ) + f"All methods see the same {compared.first.labels} labels in each draw."
    if len(compared.pairs) > 1:
        yield (
            "The differences are compared two by two, each with its own 95 % interval; with "
            f"{len(compared.pairs)} of them, one that just excludes zero is weak evidence."
        )
    if compared.n_draws < FEW_DRAWS:
        yield f"Only {many(compared.n_draws, 'draw')}: choices of few labels differ a lot."


def table(compared: Found) -> Table:
    """The methods side by side."""
    numbers = compared.numbers

    def reach(method: str) -> str:
        points = compared.points(method)
        return f"{points.min():.1f} to {points.max():.1f} %"

    return Table.of(
        "The methods compared; the gap is test minus training cross-entropy",
        compared.asked.methods,
        {
            "method": METHODS.__getitem__,
            "run": compared.asked.methods.__getitem__,
            "test accuracy": lambda method: numbers[f"{method}.test-accuracy"],
            "lowest to highest": reach,
            "test cross-entropy": lambda method: numbers[f"{method}.test-cross-entropy"],
            "gap": lambda method: numbers[f"{method}.gap"],
        },
    )
