"""What does an encoder that learned without labels gain a classifier of few labels?"""

from collections.abc import Mapping
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tacit.figures import charts
from tacit.figures.sink import Figure
from tacit.measures.distances import Floats
from tacit.measures.formatting import show
from tacit.measures.intervals import crossed, crossed_difference, decide
from tacit.measures.number import Number
from tacit.questions.base import Measurement, Question, Runs, Setting
from tacit.questions.finding import Finding, Table
from tacit.questions.shared.outputs import comparable, labelled, terms

POINTS = "percentage points"
WAYS = {
    "scratch": "from scratch",
    "transferred": "transferred, fine-tuned",
    "frozen": "transferred, frozen",
}
TABLE = "table/draws"


class Transfer(Question):
    """Accuracy and overfitting gap over draws of few labels, paired on the same draws and seeds.

    Attributes:
        scratch: classifiers of few labels with an encoder of their own.
        transferred: the same with an encoder from another run, trained on.
        frozen: the same with that encoder as it was; may be left out.
    """

    name: ClassVar[str] = "transfer"
    title: ClassVar[str] = "What transfer gains"
    asks: ClassVar[str] = (
        "With few labels, what does a classifier gain from an encoder that has learned from all "
        "images without labels, and does it overfit less?"
    )
    needs_labels: ClassVar[bool] = True
    weight: ClassVar[float] = 2.0

    scratch: str
    transferred: str
    frozen: str | None = None

    @property
    def ways(self) -> dict[str, str]:
        """The runs by what they stand for."""
        named = {way: getattr(self, way) for way in WAYS}
        return {way: run for way, run in named.items() if run is not None}

    def needs(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.ways.values(), ("classifier",))

    def without(self, run: str) -> "Question | None":
        if run != self.frozen or run in (self.scratch, self.transferred):
            return None
        return self.model_copy(update={"frozen": None})

    def measure(self, runs: Runs) -> Measurement:
        draws = {way: runs.draws(run) for way, run in self.ways.items()}
        n_draws = min(len(saved) for saved in draws.values())
        found = Measurement(arrays={f"{TABLE}/draw": np.arange(n_draws)})
        for way, saved in draws.items():
            columns: dict[str, list[float]] = {}
            for one, base in zip(saved[:n_draws], draws["scratch"], strict=False):
                if not _same_images(one.train_index, base.train_index):
                    raise ValueError(
                        f"run '{one.run}' learned from other images in draw {one.draw} than "
                        f"'{base.run}'; runs are compared that have the same `train` table"
                    )
                learned = runs.images_of(one)
                train = terms(one, learned, comparable(one, learned, "train"))
                test = terms(one, runs.test, comparable(one, runs.test, "test"))
                for split, values in (("train", train), ("test", test)):
                    for term, name in (("accuracy", "accuracy"), ("loss", "cross-entropy")):
                        column = columns.setdefault(f"{way}.{split}-{name}", [])
                        column.append(float(values[term].mean()))
            found.arrays |= {f"{TABLE}/{name}": np.array(c) for name, c in columns.items()}
        if runs.train.labels is not None and runs.test.labels is not None:
            frequent = runs.train.class_counts.argmax()
            known = runs.test.labels[labelled(runs.test)]
            found.values["always-most-frequent"] = float(np.mean(known == frequent))
        found.values["labels"] = float(
            len(runs.train)
            if draws["scratch"][0].train_index is None
            else len(draws["scratch"][0].train_index)
        )
        return found

    def answer(self, measured: Mapping[int, Measurement], setting: Setting) -> Finding:
        first = next(iter(measured.values()))
        labels, n_draws = int(first.values["labels"]), len(first.arrays[f"{TABLE}/draw"])
        accuracy = {way: 100 * _table(measured, f"{way}.test-accuracy") for way in self.ways}
        gap = {
            way: _table(measured, f"{way}.test-cross-entropy")
            - _table(measured, f"{way}.train-cross-entropy")
            for way in self.ways
        }
        numbers: dict[str, Number] = {}
        # The later way first: what is gained is that of transfer over scratch.
        pairs = [(second, first) for first, second in combinations(self.ways, 2)]
        for second, base in pairs:
            numbers[f"{second}-minus-{base}.test-accuracy"] = crossed_difference(
                accuracy[second], accuracy[base], unit=POINTS
            )
        for way in self.ways:
            numbers[f"{way}.test-accuracy"] = crossed(accuracy[way] / 100, unit="accuracy")
        for second, base in pairs:
            numbers[f"{second}-minus-{base}.gap"] = crossed_difference(
                gap[second], gap[base], unit="nats"
            )
        for way in self.ways:
            numbers[f"{way}.gap"] = crossed(gap[way], unit="nats")
        for way in self.ways:
            loss = _table(measured, f"{way}.test-cross-entropy")
            numbers[f"{way}.test-cross-entropy"] = crossed(loss, unit="nats")
        share = first.values.get("always-most-frequent")
        if share is not None:
            numbers["always-most-frequent-class"] = Number(share, unit="accuracy")
        caveats = [
            "The encoder that is transferred has seen all training images, only without their "
            f"labels. All ways see the same {labels} labels in each draw.",
            "The differences are compared two by two, each with its own 95 % interval; with "
            f"{len(pairs)} of them, one that just excludes zero is weak evidence.",
        ]
        if n_draws < 10:
            caveats.append(f"Only {n_draws} draws: choices of few labels differ a lot.")
        if len(measured) == 1:
            caveats.append(
                "With one seed, the intervals are over draws and given this one pretraining and "
                "test set."
            )
        return Finding(
            question=setting.question,
            title=self.title,
            asks=self.asks,
            answer=_answer(numbers, self.ways, labels, len(measured), n_draws),
            numbers=numbers,
            runs=tuple(self.ways.values()),
            decided_by=(
                "Differences are paired on the same draws and seeds, averaged over draws within a "
                "seed, with Student's t over seeds (over draws where there is one seed); one is "
                "distinguishable where its 95 % interval excludes zero. The gap is test minus "
                "training cross-entropy. Every way is taken after its last update, and the test "
                "images chose nothing."
            ),
            figures=(
                _draw_accuracy(accuracy, numbers, self.ways, labels, setting),
                _draw_differences(accuracy, gap, numbers, pairs, setting),
            ),
            tables=(_summary(accuracy, numbers, self.ways),),
            caveats=tuple(caveats),
        )


def _same_images(first: NDArray[np.int64] | None, second: NDArray[np.int64] | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def _table(measured: Mapping[int, Measurement], column: str) -> Floats:
    """Seeds × draws, (S, D)."""
    return np.stack([m.arrays[f"{TABLE}/{column}"].astype(float) for m in measured.values()])


def _answer(
    numbers: Mapping[str, Number],
    ways: Mapping[str, str],
    labels: int,
    n_seeds: int,
    n_draws: int,
) -> str:
    over = f"{n_draws} draw{'s' * (n_draws > 1)}" + (f" × {n_seeds} seeds" if n_seeds > 1 else "")
    each = ", ".join(f"{WAYS[way]} {show(numbers[f'{way}.test-accuracy'])}" for way in ways)
    sentences = [
        f"With {labels} labels, the mean test accuracy over {over} is: {each}.",
        _against_scratch(
            "Fine-tuning the transferred encoder",
            numbers["transferred-minus-scratch.test-accuracy"],
        )
        + ".",
    ]
    if "frozen" in ways:
        against = numbers["frozen-minus-transferred.test-accuracy"]
        verdict = {
            "higher": "and it does better than fine-tuning",
            "lower": "and it does worse than fine-tuning",
            "not distinguishable": "and frozen and fine-tuned are not distinguishable",
            "undefined": "and against fine-tuning the difference is",
        }[decide(against)]
        alone = _against_scratch("Keeping it frozen", numbers["frozen-minus-scratch.test-accuracy"])
        sentences.append(f"{alone}, {verdict}: {show(against, sign=True)}.")
    sentences += _beside_one_answer(numbers, ways)
    gap = numbers["transferred-minus-scratch.gap"]
    verdict = {
        "higher": "The fine-tuned classifier overfits more",
        "lower": "The fine-tuned classifier overfits less",
        "not distinguishable": "How much the two overfit is not distinguishable",
        "undefined": "Whether the fine-tuned classifier overfits less is undecided",
    }[decide(gap)]
    own = f"{show(numbers['transferred.gap'])} against {show(numbers['scratch.gap'])}"
    sentences.append(
        f"{verdict}: its gap between test and training cross-entropy is {own} from scratch, a "
        f"paired difference of {show(gap, sign=True)}."
    )
    return " ".join(sentences)


def _beside_one_answer(numbers: Mapping[str, Number], ways: Mapping[str, str]) -> list[str]:
    """What always giving one answer would reach, where a way is not clearly above it."""
    always = numbers.get("always-most-frequent-class")
    if always is None or always.value is None:
        return []
    found = [numbers[f"{way}.test-accuracy"] for way in ways]
    above = sum(number.low is not None and number.low > always.value for number in found)
    if above == len(ways):
        return []
    below = sum(number.high is not None and number.high < always.value for number in found)
    verdict = (
        "no way does as well as that"
        if below == len(ways)
        else f"{above or 'none'} of the {len(ways)} ways {'is' if above < 2 else 'are'} "
        "distinguishably above that"
    )
    return [
        "The classes are uneven: always answering the class that is most frequent in training "
        f"would be right on {show(always)}, and {verdict}."
    ]


def _against_scratch(how: str, difference: Number) -> str:
    shown = show(difference, sign=True)
    return {
        "higher": f"{how} gains {shown} over training from scratch",
        "lower": f"{how} does worse than training from scratch, by {shown}",
        "not distinguishable": f"{how} is not distinguishable from training from scratch ({shown})",
        "undefined": f"{how} differs from training from scratch by {shown}",
    }[decide(difference)]


def _draw_accuracy(
    accuracy: Mapping[str, Floats],
    numbers: Mapping[str, Number],
    ways: Mapping[str, str],
    labels: int,
    setting: Setting,
) -> Figure:
    means = [_in_percent(numbers[f"{way}.test-accuracy"]) for way in ways]
    said = "; ".join(f"{WAYS[way]} {show(numbers[f'{way}.test-accuracy'])}" for way in ways)
    return setting.figures.chart(
        f"{setting.question}-accuracy",
        charts.draws(
            [WAYS[way] for way in ways],
            {"": [accuracy[way].ravel() for way in ways]},
            {"": means},
            x_label="test accuracy, %",
        ),
        f"Test accuracy with {labels} labels: every draw of every seed as a dot, the mean with its "
        f"interval ({means[0].interval}).",
        f"Mean test accuracy: {said}.",
    )


def _draw_differences(
    accuracy: Mapping[str, Floats],
    gap: Mapping[str, Floats],
    numbers: Mapping[str, Number],
    pairs: list[tuple[str, str]],
    setting: Setting,
) -> Figure:
    """Paired differences of accuracy, draw by draw."""
    names = [f"{second} − {base}" for second, base in pairs]
    means = [numbers[f"{second}-minus-{base}.test-accuracy"] for second, base in pairs]
    differences = [(accuracy[second] - accuracy[base]).ravel() for second, base in pairs]
    shares = [float(np.mean(values > 0)) for values in differences]
    said = "; ".join(
        f"{name} {show(mean, sign=True)}, above zero in {100 * share:.0f} % of the draws"
        for name, mean, share in zip(names, means, shares, strict=True)
    )
    return setting.figures.chart(
        f"{setting.question}-differences",
        charts.draws(
            names,
            {"": differences},
            {"": means},
            x_label="difference of test accuracy, percentage points",
            reference=0.0,
            reference_label="no difference",
        ),
        "Differences of test accuracy between two ways on the same draw and seed, each as a dot, "
        "and their mean with its interval.",
        f"Paired differences of test accuracy: {said}.",
    )


def _in_percent(number: Number) -> Number:
    value, low, high = (
        None if end is None else 100 * end for end in (number.value, number.low, number.high)
    )
    return Number(value, low, high, number.n, "%", number.interval)


def _summary(
    accuracy: Mapping[str, Floats], numbers: Mapping[str, Number], ways: Mapping[str, str]
) -> Table:
    rows = tuple(
        (
            WAYS[way],
            run,
            numbers[f"{way}.test-accuracy"],
            f"{accuracy[way].min():.1f} to {accuracy[way].max():.1f} %",
            numbers[f"{way}.test-cross-entropy"],
            numbers[f"{way}.gap"],
        )
        for way, run in ways.items()
    )
    columns = ("way", "run", "test accuracy", "lowest to highest", "test cross-entropy", "gap")
    return Table("The ways compared; the gap is test minus training cross-entropy", columns, rows)
