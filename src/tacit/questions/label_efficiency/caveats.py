"""What a reader must know before believing a comparison with few labels."""

from collections.abc import Sequence

from tacit.labels.propagation.volumes import forced_errors
from tacit.questions.base import Setting
from tacit.questions.label_efficiency.numbers import Curves
from tacit.questions.shared.pairs import Pair
from tacit.questions.shared.words import listed, many

NOTABLE = 0.005
"""From this share of images on it is said what uniform shares cost."""


def caveats(curves: Curves, setting: Setting) -> tuple[str, ...]:
    """Sentences, made from what was measured; empty ones are none."""
    return (
        *_always(curves),
        *tuned(curves.curved, setting.source),
        *_of_images(curves, setting.class_names),
        *_of_pairs(curves),
    )


def tuned(pairs: Sequence[Pair], source: str) -> list[str]:
    """On whose labels settings were tuned, and whether these images are among them."""
    by_sets: dict[tuple[str, ...], list[str]] = {}
    for pair in pairs:
        by_sets.setdefault(pair.using.tuned_on, []).append(pair.using.short)
    said = []
    for sets, names in by_sets.items():
        if not sets:
            continue
        methods = listed(list(dict.fromkeys(names)))
        here = any(source == name or source.startswith(f"{name}-") for name in sets)
        said.append(
            f"Settings of {methods} were chosen on labels of {listed(sets)}, far more than a trial "
            "has"
            + (
                ", these images among them: that flatters them here, and tells nothing of others."
                if here
                else ", and on none of these images."
            )
        )
    return said


def _always(curves: Curves) -> list[str]:
    said = [
        "Representations have seen all images of the pool without their labels. Within a trial "
        "nothing is chosen by any label but its own; the winner of a budget is chosen by "
        + (
            "the labels of the other images, on half of the draws."
            if curves.pooled
            else "test labels, on other draws and test images than its accuracy is reported on."
        )
    ]
    if curves.n_draws < 10:
        said.append(
            f"Only {curves.n_draws} draws, of which {len(curves.reporting)} are reported: choices "
            "of few labels differ a lot."
        )
    fewest = curves.first.table.trials.fewest_of_a_class
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
    copies, unlabelled = curves.first.copies, curves.first.unlabelled
    if copies:
        said.append(
            f"{many(copies, 'image')} of the test set also found among the training images, which "
            "flatters every pair; --remove-duplicates leaves those out of the training images."
        )
    if unlabelled:
        said.append(
            f"{many(unlabelled, 'image')} of the pool without a label: used as unlabelled, and "
            "counted in no accuracy."
        )
    counts = curves.first.class_counts
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
    shares = counts / counts.sum()
    for pair in curves.pairs:
        forced = forced_errors(shares, pair.allowed_slack) if pair.takes_uniform_shares else 0.0
        if forced > NOTABLE:
            said.append(
                f"The largest class has {counts.max() / max(counts.min(), 1):.1f} times the images "
                f"of the smallest, while {pair.short} takes classes as equally frequent, to within "
                f"{100 * pair.allowed_slack:g} %: that alone puts {100 * forced:.1f} % of the "
                "images into a wrong class. Poisson propagation takes no shares; `shares: "
                "estimated` finds them on the graph, where the graph is good."
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
        said.append(f"{' and '.join(seen)} {has} seen all labels: an oracle, not a choice.")
    uneven = [
        f"at {budget:,} {base.short} is not, so that part of what is said of it comes from that"
        for budget in curves.budgets
        if (base := curves.baseline(budget)) is not None
        and curves.winner(budget).moves_images
        and not base.moves_images
    ]
    if uneven:
        said.append(f"The best is trained on images that are moved about; {listed(uneven)}.")
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
