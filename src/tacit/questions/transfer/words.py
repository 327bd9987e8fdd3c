"""The answer of question `transfer` in words."""

from collections.abc import Iterator

from tacit.measures.formatting import brief, show
from tacit.measures.number import Number
from tacit.questions.finding import Table
from tacit.questions.shared.majority_class import against_it
from tacit.questions.shared.words import many, verdict
from tacit.questions.transfer.numbers import METHODS, Compared
from tacit.questions.verdicts import Said, Verdict, ruled

FEW_DRAWS = 10

DECIDED_BY = (
    "Differences are paired on the same draws, seeds and test images; one is distinguishable where "
    "its 95 % interval over all of them together excludes zero. The gap is test minus training "
    "cross-entropy. Every method is taken after its last update, and the test images chose nothing."
)


def headline(compared: Compared) -> Said:
    """Whether the encoder that is transferred gains accuracy; the fine-tuned one, if there is."""
    key = f"{compared.judged}-minus-scratch.test-accuracy"
    gain = compared.numbers[key]
    labels = f"With {compared.labels} labels"
    text = {
        Verdict.YES: f"{labels}, the transferred encoder gains {brief(gain)} of accuracy.",
        Verdict.NO: f"{labels}, the transferred encoder costs {brief(-gain)} of accuracy.",
        Verdict.CANNOT_TELL: f"{labels}, transfer gains nothing measurable over training from "
        "scratch.",
    }
    runs = tuple(compared.methods[method] for method in ("scratch", compared.judged))
    return Said(found := ruled(gain), text[found], key, "accuracy gained by transfer", runs)


def sentences(compared: Compared) -> Iterator[str]:
    """What transfer gains, what freezing does, and which of them overfits less."""
    numbers, methods = compared.numbers, compared.methods
    over = many(compared.n_draws, "draw")
    if len(compared.seeds) > 1:
        over += f" × {len(compared.seeds)} seeds"
    each = ", ".join(f"{METHODS[m]} {show(numbers[f'{m}.test-accuracy'])}" for m in methods)
    yield f"With {compared.labels} labels, the mean test accuracy over {over} is: {each}."
    if "transferred" in methods:
        gain = numbers["transferred-minus-scratch.test-accuracy"]
        yield f"{_against_scratch('Fine-tuning the transferred encoder', gain)}."
    if "frozen" in methods:
        gain = numbers["frozen-minus-scratch.test-accuracy"]
    if "frozen" in methods and "transferred" not in methods:
        yield f"{_against_scratch('The frozen encoder', gain)}."
    elif "frozen" in methods:
        alone = _against_scratch("Keeping it frozen", gain)
        against = verdict(
            numbers["frozen-minus-transferred.test-accuracy"],
            higher="and it does better than fine-tuning, by {}",
            lower="and it does worse than fine-tuning, by {}",
            alike="and frozen and fine-tuned are not distinguishable ({})",
            undefined="and against fine-tuning the difference is {}",
        )
        yield f"{alone}, {against}."
    yield _beside_one_answer(compared)
    judged = compared.judged
    who = (
        "The fine-tuned classifier" if judged == "transferred" else "The one on the frozen encoder"
    )
    gap, beside = numbers[f"{judged}-minus-scratch.gap"], show(numbers["scratch.gap"])
    own = f"{show(numbers[f'{judged}.gap'])} against {beside} from scratch"
    opening = verdict(
        gap,
        higher=f"{who} overfits more",
        lower=f"{who} overfits less",
        alike="How much the two overfit is not distinguishable",
        undefined=f"Whether {who[0].lower()}{who[1:]} overfits less is undecided",
    )
    yield (
        f"{opening}: its gap between test and training cross-entropy is {own}, a paired "
        f"difference of {show(gap, sign=True)}."
    )


def _against_scratch(how: str, difference: Number) -> str:
    return verdict(
        difference,
        higher=f"{how} gains {{}} over training from scratch",
        lower=f"{how} does worse than training from scratch, by {{}}",
        alike=f"{how} is not distinguishable from training from scratch ({{}})",
        undefined=f"{how} differs from training from scratch by {{}}",
    )


def _beside_one_answer(compared: Compared) -> str:
    """What always giving one answer would reach, where a method is not clearly above it."""
    always, n = compared.numbers["always-most-frequent-class"], len(compared.methods)
    found = [
        against_it(compared.numbers[f"{m}.test-accuracy"], always.value or 0.0)
        for m in compared.methods
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


def caveats(compared: Compared, *, elsewhere: bool) -> Iterator[str]:
    """What the encoder has seen, and how many comparisons there are."""
    yield (
        "The encoder was learned elsewhere, from other pictures, perhaps with labels of theirs. "
        if elsewhere
        else "The encoder that is transferred has seen all training images, only without their "
        "labels. "
    ) + f"All methods see the same {compared.labels} labels in each draw."
    if len(compared.pairs) > 1:
        yield (
            "The differences are compared two by two, each with its own 95 % interval; with "
            f"{len(compared.pairs)} of them, one that just excludes zero is weak evidence."
        )
    if compared.n_draws < FEW_DRAWS:
        yield f"Only {many(compared.n_draws, 'draw')}: choices of few labels differ a lot."


def table(compared: Compared) -> Table:
    """The methods side by side."""
    numbers = compared.numbers
    rows = tuple(
        (
            METHODS[method],
            run,
            numbers[f"{method}.test-accuracy"],
            f"{compared.points(method).min():.1f} to {compared.points(method).max():.1f} %",
            numbers[f"{method}.test-cross-entropy"],
            numbers[f"{method}.gap"],
        )
        for method, run in compared.methods.items()
    )
    caption = "The methods compared; the gap is test minus training cross-entropy"
    columns = ("method", "run", "test accuracy", "lowest to highest", "test cross-entropy", "gap")
    return Table(caption, columns, rows)
