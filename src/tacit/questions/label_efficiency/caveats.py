"""What a reader must know before believing a comparison with few labels."""

from collections.abc import Sequence

from tacit.questions.label_efficiency.numbers import TRIALS, Curves


def caveats(curves: Curves, class_names: Sequence[str]) -> tuple[str, ...]:
    """Sentences, made from what was measured."""
    found = [*_always(curves), *_of_images(curves, class_names), *_of_pairs(curves)]
    return tuple(sentence for sentence in found if sentence)


def _always(curves: Curves) -> list[str]:
    said = [
        "Representations have seen all images of the pool without their labels. Settings were "
        "fixed beforehand or chosen within each trial's own labels; no other label was looked at."
    ]
    if len(curves.measured) == 1:
        said.append(
            f"With one seed, the intervals are over draws and given {curves.given}: another "
            "training of the same representation may order near pairs otherwise."
        )
    if curves.n_draws < 10:
        said.append(
            f"Only {curves.n_draws} draws, of which {len(curves.reporting)} are reported: choices "
            "of few labels differ a lot."
        )
    fewest = curves.first.floats(f"{TRIALS}/fewest-of-a-class")
    held = fewest.reshape(len(curves.budgets), -1).min(axis=1)
    bare = [b for b, n in zip(curves.budgets, held.tolist(), strict=True) if n < 2]
    if bare:
        listed = ", ".join(f"{b:,}" for b in bare)
        said.append(
            f"At {listed} {curves.unit} some class has fewer than two labels, so that nothing can "
            "be held out: settings that are otherwise chosen within the labels have fixed values "
            "there."
        )
    return said


def _of_images(curves: Curves, class_names: Sequence[str]) -> list[str]:
    said = []
    values = curves.first.values
    copies, unlabelled = int(values["copies"]), int(values["unlabelled"])
    if copies:
        said.append(
            f"{_images(copies)} of the test set also found among the training images, which "
            "flatters every pair; --remove-duplicates leaves those out of the training images."
        )
    if unlabelled:
        said.append(
            f"{_images(unlabelled)} of the pool without a label: used as unlabelled, and counted "
            "in no accuracy."
        )
    counts = curves.first.floats("class-counts").astype(int)
    if curves.per_class:
        small = [
            f"{name} ({n:,})"
            for name, n in zip(class_names, counts.tolist(), strict=False)
            if n < curves.budgets[-1]
        ]
        if small:
            said.append(
                f"Classes with fewer than {curves.budgets[-1]:,} labelled training images, of "
                f"which larger budgets use all: {', '.join(small)}."
            )
    uneven = counts.max() / max(counts.min(), 1)
    uniform = [p.short for p in curves.pairs if p.takes_uniform_shares]
    if uniform and uneven > 1.5:
        take = "takes" if len(uniform) == 1 else "take"
        said.append(
            f"The largest class has {uneven:.1f} times the images of the smallest, while "
            f"{' and '.join(uniform)} {take} classes as about equally frequent."
        )
    return said


def _of_pairs(curves: Curves) -> list[str]:
    said = []
    told = [p.short for p in curves.pairs if p.knows_shares]
    if told:
        knows = "knows" if len(told) == 1 else "know"
        said.append(
            f"{' and '.join(told)} {knows} the shares of the classes, which the labels drawn do "
            "not tell: a reference, not a choice."
        )
    seen = [p.short for p in curves.oracles]
    if seen:
        has = "has" if len(seen) == 1 else "have"
        said.append(f"{' and '.join(seen)} {has} seen all labels: a oracle, not a choice.")
    if curves.pooled:
        said.append(
            "Labels are drawn from training and test images together, and accuracy is of the "
            "images without a label: transductive, not for new images."
        )
    elif any(p.transductive for p in curves.pairs):
        said.append(
            "Methods that propagate labels do so on a graph of the training images; test images "
            "stay out of it and are asked of their neighbours, or of the network."
        )
    return said


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n:,} images"
