"""Which representation for how many labels, in words."""

from collections.abc import Iterator, Sequence

from tacit.labels.pairs import Pair
from tacit.labels.propagation.volumes import forced_errors
from tacit.measures.formatting import brief, show
from tacit.questions.label_efficiency.numbers import Curves
from tacit.questions.shared.words import listed, many, verdict
from tacit.questions.verdicts import Said, Verdict, ruled

NOTABLE = 0.005
"""From this share of images on it is said what uniform shares cost."""

NAMED = 3
"""At most so many pairs that are not distinguishable from the winner are named."""


def decided_by(curves: Curves) -> str:
    choose, report = len(curves.choosing), len(curves.reporting)
    chosen = f"over {choose} of the {curves.n_draws} draws"
    others = f"of the other {report}"
    if not curves.pooled:
        n = int((~curves.told).sum())
        chosen += f" and {n:,} of the {len(curves.told):,} test images"
        others += f" draws and {len(curves.told) - n:,} images"
    return (
        f"At each budget the pair with the highest mean accuracy {chosen} is the winner; its "
        f"accuracy, what more labels bring it and how sure it is are {others}. Pairs are compared "
        "on all draws and images, seed by seed, draw by draw and image by image: intervals are "
        "over all of them together, and so wide that those of every two pairs hold in 95 % of "
        "studies, whichever wins; where one holds zero, the two are not distinguishable. How many "
        "times as many labels from scratch needs is read from its curve of accuracy against the "
        "logarithm of the number of labels; the interval holds all factors at which the two are "
        "not distinguishable. Pairs that know more than the labels (all labels, or the class "
        "shares) cannot win."
    )


def headline(curves: Curves) -> Said:
    """What to use at the middle budget; the verdict is on it against a network from scratch."""
    budget = curves.middle
    winner, base = curves.winner(budget), curves.baseline(budget)
    accuracy = curves.reported(winner, budget)
    found = Verdict.CANNOT_TELL
    if base is not None and base != winner:
        found = ruled(curves.leads(budget)[base.name])
    elif "worse" in curves.verdicts(budget).values() and not curves.those("better", budget):
        found = Verdict.YES
    if curves.those("better", budget):
        found = Verdict.CANNOT_TELL
    text = f"With {counted(curves, budget)} use {winner.short}: {brief(accuracy)} right."
    if found is Verdict.CANNOT_TELL:
        text = f"With {counted(curves, budget)} {winner.short} did best, but may not be the best."
    return Said(found, text, f"at-{budget}.accuracy", f"accuracy with {counted(curves, budget)}")


def alerts(curves: Curves) -> tuple[str, ...]:
    """That test images were learned from."""
    n = curves.first.copies
    return (f"{many(n, 'test image')} also found among the training images.",) if n else ()


def sentences(curves: Curves) -> Iterator[str]:
    """What the winner at the middle budget is worth, and what more labels would bring."""
    budget = curves.middle
    winner, at = curves.winner(budget), f"{budget:,} {curves.unit}"
    if better := curves.those("better", budget):
        did = _listed([p.short for p in better])
        yield f"The draws disagree: on those that did not choose, {did} did better."
    yield _efficiency(curves)
    yield _others(curves)
    if (gain := curves.gain(budget)) is not None:
        following = curves.budgets[curves.budgets.index(budget) + 1]
        yield verdict(
            gain,
            higher=f"Going from {budget:,} to {following:,} {curves.unit} brings it {{}} more.",
            lower=f"Going from {budget:,} to {following:,} {curves.unit} costs it {{}}.",
            alike=f"Going from {budget:,} to {following:,} {curves.unit} brings it nothing that "
            "can be told from zero: {}.",
        )
    parts = curves.reporting_of(winner, budget).parts
    if parts.shares:
        yield f"Of its accuracy at {at}: {parts.words()[0].lower()}{parts.words()[1:]}"
    error = curves.calibration_error(winner, budget)
    if error.value is not None:
        points = show(error.in_points)
        yield f"At {at} its confidence differs from its accuracy by {points} on average."
    for pair in curves.oracles:
        if pair.using.oracle:
            ahead = show(curves.behind(pair), sign=True)
            yield f"With all labels, {pair.codes} is ahead of it by {ahead}."


def _efficiency(curves: Curves) -> str:
    """How many labels the winner saves a network from scratch, and how the two end."""
    budget, last = curves.middle, curves.budgets[-1]
    winner, base, found = curves.winner(budget), curves.baseline(budget), curves.efficiency(budget)
    if base is None:
        return ""
    if found is None:
        return "No representation was needed for it."
    text = f"{base.words[0].upper()}{base.words[1:]} "
    if found.factor == 0:
        text += f"does as well with {found.words()} as many labels"
    elif found.censored and last == budget:
        text += "does not reach it with any number of labels tried"
    else:
        text += f"needs {found.words()} as many labels to match it"
    best = curves.winner(last)
    if last != budget and best in (winner, base):
        lead = curves.leads(last)[(base if best == winner else winner).name]
        ahead, behind = (
            ("it is still behind", "it is ahead")
            if best == winner
            else (f"{base.words} is ahead", f"{base.words} is behind")
        )
        alike = "the two are not distinguishable"
        end = verdict(lead, higher=ahead, lower=behind, alike=alike)
        text += f"; at {last:,} {curves.unit} {end}"
    return f"{text}."


def _others(curves: Curves) -> str:
    """Whether the winner stands out among the other candidates."""
    found = list(curves.verdicts(curves.middle).values())
    if not found or "better" in found:
        return ""
    worse, alike = found.count("worse"), curves.those("alike", curves.middle)
    if worse == len(found):
        return f"It is better than each of the {worse} others on the same draws."
    if not alike:
        return f"Of the others, {found.count('undefined')} cannot be told from it or from worse."
    return (
        f"Not distinguishable from it on the same draws: {_listed([p.short for p in alike])}; "
        f"worse: {worse} of {len(found)}."
    )


def counted(curves: Curves, budget: int) -> str:
    """So many labels, of each class or in all."""
    return f"{many(budget, 'label')} {curves.unit}"


def _listed(names: Sequence[str]) -> str:
    """
    >>> _listed(["a", "b", "c"]), _listed(["a", "b", "c", "d", "e"])
    ('a, b and c', 'a, b, c and 2 more')
    """
    more = len(names) - NAMED
    return listed([*names[:NAMED], f"{more} more"] if more > 0 else names)


def caveats(curves: Curves) -> Iterator[str]:
    """What a reader must know before believing a comparison with few labels."""
    yield from _of_trials(curves)
    yield from tuned(curves.curved, curves.source)
    yield from _of_images(curves)
    yield from _of_pairs(curves)


def _of_trials(curves: Curves) -> Iterator[str]:
    yield (
        "Representations have seen all images of the pool without their labels. Within a trial "
        "nothing is chosen by any label but its own; the winner of a budget is chosen by "
        + (
            "the labels of the other images, on half of the draws."
            if curves.pooled
            else "test labels, on other draws and test images than its accuracy is reported on."
        )
    )
    if curves.n_draws < 10:
        yield (
            f"Only {curves.n_draws} draws, of which {len(curves.reporting)} are reported: choices "
            "of few labels differ a lot."
        )
    fewest = curves.first.trials.fewest_of_a_class
    held = fewest.reshape(len(curves.budgets), -1).min(axis=1)
    if bare := [f"{b:,}" for b, n in zip(curves.budgets, held, strict=True) if n < 2]:
        yield (
            f"At {', '.join(bare)} {curves.unit} some class has fewer than two labels, so that "
            "nothing can be held out: settings that are otherwise chosen within the labels have "
            "fixed values there."
        )


def tuned(pairs: Sequence[Pair], source: str) -> Iterator[str]:
    """On whose labels settings were tuned, and whether these images are among them."""
    by_sets: dict[tuple[str, ...], dict[str, None]] = {}
    for pair in pairs:
        by_sets.setdefault(pair.using.tuned_on, {})[pair.using.short] = None
    for sets, names in by_sets.items():
        here = any(source == name or source.startswith(f"{name}-") for name in sets)
        if sets:
            yield (
                f"Settings of {listed(list(names))} were chosen on labels of {listed(sets)}, far "
                "more than a trial has, "
                + (
                    "these images among them: that flatters them here, and tells nothing of others."
                    if here
                    else "and on none of these images."
                )
            )


def _of_images(curves: Curves) -> Iterator[str]:
    copies, unlabelled = curves.first.copies, curves.first.unlabelled
    if copies:
        yield (
            f"{many(copies, 'image')} of the test set also found among the training images, which "
            "flatters every pair; --remove-duplicates leaves those out of the training images."
        )
    if unlabelled:
        yield (
            f"{many(unlabelled, 'image')} of the pool without a label: used as unlabelled, and "
            "counted in no accuracy."
        )
    counts, most = curves.first.class_counts, curves.budgets[-1]
    each = zip(curves.class_names, counts.tolist(), strict=False)
    small = [f"{name} ({n:,})" for name, n in each if curves.per_class and n < most]
    if small:
        yield (
            f"Classes with fewer than {most:,} labelled training images, of which larger budgets "
            f"use all: {', '.join(small)}."
        )
    shares = counts / counts.sum()
    for pair in curves.pairs:
        forced = forced_errors(shares, pair.allowed_slack) if pair.takes_uniform_shares else 0.0
        if forced > NOTABLE:
            yield (
                f"The largest class has {counts.max() / max(counts.min(), 1):.1f} times the images "
                f"of the smallest, while {pair.short} takes classes as equally frequent, to within "
                f"{100 * pair.allowed_slack:g} %: that alone puts {100 * forced:.1f} % of the "
                "images into a wrong class. Poisson propagation takes no shares; `shares: "
                "estimated` finds them on the graph, where the graph is good."
            )


def _of_pairs(curves: Curves) -> Iterator[str]:
    if told := [p.short for p in curves.pairs if p.knows_shares]:
        yield (
            f"Told the shares of the classes, which the labels drawn do not tell: {listed(told)}; "
            "a reference, not a choice."
        )
    if seen := [p.short for p in curves.oracles]:
        yield f"All labels were seen by {listed(seen)}: an oracle, not a choice."
    uneven = [
        f"at {budget:,} {base.short} is not, so that part of what is said of it comes from that"
        for budget in curves.budgets
        if (base := curves.baseline(budget)) is not None
        and curves.winner(budget).moves_images
        and not base.moves_images
    ]
    if uneven:
        yield f"The best is trained on images that are moved about; {listed(uneven)}."
    if curves.pooled:
        yield (
            "Labels are drawn from training and test images together, and accuracy is of the "
            "images without a label: transductive, not for new images."
        )
    elif any(p.transductive for p in curves.pairs):
        yield (
            "Methods that propagate labels do so on a graph of the training images; test images "
            "stay out of it and are asked of their neighbours, or of the network."
        )
