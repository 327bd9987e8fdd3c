"""Which code is enough, in words and as a table."""

from collections.abc import Iterator
from functools import partial

from tacit.measures.formatting import show
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.code_size.numbers import PROBES, Found
from tacit.questions.finding import Table
from tacit.questions.shared.words import verdict
from tacit.questions.verdicts import Said, Verdict


def decided_by(sizes: Found) -> str:
    return (
        f"The smallest code whose {sizes.objective} on test images falls short of the best's by "
        f"less than {100 * sizes.asked.tolerance:g} % of what the best gains over the mean "
        "training image in place of a model's, and whose shortfall either cannot be told from none "
        "or stays below that to the end of its 95 % interval, over seeds and images together. Best "
        f"and smallest are chosen on {len(sizes.choosing):,} test images, and all numbers are of "
        f"the other {len(sizes.reporting):,} under the same models, so that no image is reported "
        "on that a size was chosen by."
    )


def headline(sizes: Found) -> Said:
    """Which code is enough; smaller ones do not matter to that, larger ones do."""
    runs = sizes.by_size[sizes.by_size.index(sizes.chosen) :]
    code, key, label = sizes.code(sizes.chosen), "chosen-code", "latent dimensions that are enough"
    if sizes.chosen == sizes.largest:
        text = f"No code tried is known to be enough: the largest, {code}, is the best."
        return Said(Verdict.CANNOT_TELL, text, key, "the largest code tried", runs)
    if sizes.smaller is None:
        text = f"A code of {code} is enough, the smallest tried: fewer dimensions may do as well."
    else:
        text = f"A code of {code} is enough; more dimensions bring little."
    return Said(Verdict.YES, text, key, label, runs)


def sentences(sizes: Found) -> Iterator[str]:
    """What more dimensions would bring, what is used, and whether classes want another code."""
    yield _more(sizes)
    yield _used(sizes)
    yield from (_classes(sizes, probe) for probe in sizes.probes[:1])


def _more(sizes: Found) -> str:
    """What the largest code brings, and whether a still larger one may bring more."""
    largest = sizes.code(sizes.largest)
    if sizes.largest == sizes.chosen:
        return f"It is the largest that was tried: more than {largest} may bring more."
    text = verdict(
        sizes.numbers["more-dimensions.gain"],
        higher=f"With {largest} one would gain {{}}",
        lower=f"With {largest} one would lose {{}}",
        alike=f"Whether {largest} would bring anything is not distinguishable ({{}})",
    )
    last = sizes.shortfall(sizes.by_size[-2], sizes.largest, sizes.reporting)
    rising = sizes.by_size[-2] != sizes.chosen and decide(last) == "higher"
    return f"{text}{'; the curve still rises there' if rising else ''}."


def _used(sizes: Found) -> str:
    what = "dimensions used" if sizes.is_vae else "directions that hold 99 % of the variance"
    counts = [
        f"{sizes.used(run).value or 0:.3g} of {sizes.code(run)}"
        for run in dict.fromkeys((sizes.chosen, sizes.largest))
    ]
    return f"{what.capitalize()}: {' and '.join(counts)}."


def _classes(sizes: Found, probe: str) -> str:
    """Whether the code that tells classes best is another one."""
    top = sizes.code(sizes.tells_best(probe))
    if top == sizes.code(sizes.chosen):
        return f"A {PROBES[probe]} tells classes no better from any other size."
    difference = sizes.tells_more(probe)
    distinct = "" if difference.excludes_zero else ", not distinguishable"
    return (
        f"A {PROBES[probe]} tells classes best from codes of {top}: "
        f"{show(difference, sign=True)}{distinct}."
    )


def caveats(sizes: Found) -> Iterator[str]:
    """What a size that is enough does not say."""
    yield (
        "Every size was trained for the same number of updates, not until it was finished: a "
        "larger code may need more of them."
    )
    yield (
        "What an image needs is measured by its pixels. Where codes are for a task of their own "
        "(classes, a search), that task's measure decides."
    )
    if sizes.is_vae:
        yield (
            "A dimension is active where its posterior mean varies over training images by more "
            "than 0.01 (Burda 2016); a VAE leaves the others at the prior, so that they cost "
            "little."
        )
    else:
        yield (
            "A code's directions are counted until they hold 99 % of its variance: an autoencoder "
            "has no prior against which a single dimension could be unused."
        )


def table(sizes: Found) -> Table:
    """Everything by size."""
    unit = "nats per image" if sizes.is_vae else "per image, summed over pixels in [0, 1]"
    return Table.of(
        f"{sizes.objective}, {unit}; shortfall against the code of {sizes.code(sizes.best)}",
        sizes.by_size,
        {
            "code": sizes.code,
            "run": str,
            "weights": lambda run: sizes.first.run[run].weights,
            "test": sizes.average,
            "shortfall": lambda run: sizes.numbers.get(f"{run}.shortfall"),
            "training, mean": sizes.train,
            **({"KL": sizes.kl} if sizes.is_vae else {}),
            "used": lambda run: round(sizes.used(run).value or 0),
            **{PROBES[probe]: partial(_told, sizes, probe) for probe in sizes.probes},
        },
    )


def _told(sizes: Found, probe: str, run: str) -> Number:
    return sizes.told(run, probe).mean()
