"""The answer of question `classifier` in words."""

from collections.abc import Iterator

import numpy as np

from tacit.measures.formatting import brief, show
from tacit.questions.classifier.numbers import Found
from tacit.questions.finding import Table
from tacit.questions.shared.majority_class import against_it
from tacit.questions.shared.words import verdict
from tacit.questions.verdicts import Said, Verdict

DECIDED_BY = (
    "The model after the last update counts; nothing was chosen by the test curves. All intervals "
    "are 95 % over seeds, draws and images together. It does better than always answering one "
    "class where its accuracy's interval lies above that share, and worse where it lies below. A "
    "class is called harder where its accuracy minus that on all other classes lies below zero, "
    "its interval widened to hold for all classes together. Other differences are distinguishable "
    "where their interval excludes zero."
)


def headline(found: Found) -> Said:
    """How often it is right, against always answering one class."""
    numbers = found.numbers
    accuracy, majority = numbers["test-accuracy"], numbers["always-most-frequent-class"]
    verdict = {
        "better": Verdict.YES,
        "worse": Verdict.NO,
        "not distinguishable": Verdict.CANNOT_TELL,
    }[against_it(accuracy, majority.value or 0.0)]
    text = (
        f"The classifier is right on {brief(accuracy)} of unseen images; always answering the "
        f"commonest class would be right on {brief(majority)}."
    )
    return Said(verdict, text, "test-accuracy", "accuracy on unseen images")


def sentences(found: Found) -> Iterator[str]:
    """How it does on images that it learned from, on which classes, and how sure it is."""
    yield verdict(
        found.numbers["train-minus-test.accuracy"],
        higher="On images that it learned from it is right more often, by {}.",
        lower="On images that it learned from it is right less often, by {}.",
        alike="On images that it learned from it is not distinguishably better or worse ({}).",
    )
    yield _hardest(found)
    yield verdict(
        found.numbers["confidence-minus-accuracy"],
        higher="It is surer of its answers than it is right, by {} on average.",
        lower="It is less sure of its answers than it is right, by {} on average.",
        alike="How sure it is of its answers is not distinguishable from how often it is right "
        "({}).",
    )


def _hardest(found: Found) -> str:
    if len(found.classes) < 2:
        return "All test images are of one class."
    names = found.setting.class_names
    if harder := found.harder:
        each = ", ".join(f"'{names[c]}' ({show(found.by_class[c])})" for c in harder)
        return f"Harder than the other classes: {each}."
    lowest = min(found.classes, key=lambda c: (found.by_class[c].value or 0.0, c))
    return (
        f"No class is distinguishably harder than the others; lowest is '{names[lowest]}' with "
        f"{show(found.by_class[lowest])}."
    )


def table(found: Found) -> Table:
    """Accuracy by class, and what a class is most often taken for."""
    counts, names, n_seeds = found.confusion, found.setting.class_names, len(found.seeds)
    rows = []
    for c, number in found.by_class.items():
        wrong = np.where(np.arange(len(names)) == c, 0, counts[c])
        often = f"{names[wrong.argmax()]} ({wrong.max()})" if wrong.any() else "none"
        rows.append((names[c], int(counts[c].sum()) // n_seeds, number, often))
    together = f"; mistakes of {n_seeds} seeds together" if n_seeds > 1 else ""
    columns = ("class", "test images", "right", "most often taken for")
    return Table(f"Accuracy by class{together}", columns, tuple(rows))
