"""-log p(x) by stage of training, in words and as a table."""

from collections.abc import Iterator

from tacit.measures.formatting import brief, show
from tacit.measures.number import Number
from tacit.questions.bound_by_stage.numbers import Stages
from tacit.questions.finding import Table
from tacit.questions.shared.words import verdict
from tacit.questions.verdicts import Said, Verdict, ruled

DECIDED_BY = (
    "A run is above or below a published value, another run or an earlier stage where the 95 % "
    "interval of the difference, over seeds and test images together, excludes zero. Published "
    "values have no interval."
)


def headline(stages: Stages) -> Said:
    """Whether a published value is reached, by the first run that has one."""
    run = next((run for run in stages.runs if stages.published.get(run)), stages.runs[0])
    nll, left = stages.nll(run), stages.remaining(run)[0]
    reached = f"{run} reaches a negative log-likelihood of {brief(nll)}"
    values = stages.published.get(run, {}).values()
    key = next((n for n, number in stages.numbers().items() if number == nll), "")
    label = f"-log p(x) of {run}"
    if left:
        text = f"{reached}; stages of its protocol remain: {left}."
        return Said(Verdict.NOT_FINISHED, text, key, label)
    if not values:
        return Said(
            Verdict.CANNOT_TELL, f"{reached}; nothing published stands beside it.", key, label
        )
    value = min(values)
    text = f"{reached}; published is {value:.2f}."
    return Said(ruled(stages.above(run, value), yes="lower"), text, key, label)


def sentences(stages: Stages) -> Iterator[str]:
    """Every run by itself and beside published values, then each beside the first."""
    yield from (_run_said(stages, run) for run in stages.runs)
    first, *others = stages.runs
    for run in others:
        yield verdict(
            stages.difference((run, None), (first, None)),
            higher=f"On the same images '{run}' is {{}} above '{first}'.",
            lower=f"On the same images '{run}' is {{}} below '{first}'.",
            alike=f"'{run}' and '{first}' are not distinguishable, {{}}.",
            undefined=f"'{run}' and '{first}' are undecided, {{}}.",
        )


def _run_said(stages: Stages, run: str) -> str:
    updates, epochs, _ = stages.plan(run)[-1]
    n, last = stages.scored(run, None).size("image"), stages.n_stages(run)
    of, whole = "", ""
    left, more_epochs, more_updates = stages.remaining(run)
    if left:
        of, whole = f" of {last + left}", f" of {epochs + more_epochs:,.0f}"
    said = (
        f"After stage {last}{of} ({epochs:,.0f}{whole} epochs, {updates:,.0f} updates) '{run}' has "
        f"a -log p(x) of {show(stages.nll(run))} by {stages.samples:,} importance samples on "
        f"{n:,} test images"
    )
    compared = [
        f"{value:.2f} ({source}), {_beside(stages.above(run, value))}"
        for source, value in stages.published.get(run, {}).items()
    ]
    said += f"; published: {'; '.join(compared)}." if compared else "."
    gain = stages.last_gain(run)
    if gain is not None:
        said += verdict(
            gain,
            higher=" Its last stage gained {}.",
            lower=" Its last stage lost {}.",
            alike=" What its last stage gained is not distinguishable from nothing, {}.",
            undefined=" What its last stage gained is undecided, {}.",
        )
    if left:
        stage = "stage" if left == 1 else f"{left} stages"
        said += (
            f" The {stage} that remain{'s' if left == 1 else ''} would take {more_epochs:,} epochs "
            f"more, {more_updates:,} updates."
        )
    flagged = stages.flagged(run)
    count = round(flagged.n * (flagged.value or 0))
    return said + (f" {count:,} of {flagged.n:,} estimates are flagged." if count else "")


def _beside(above: Number) -> str:
    return verdict(
        above,
        higher="which it misses by {}",
        lower="which it beats by {}",
        alike="from which it is not distinguishable",
        undefined="beside which it is undecided",
    )


def table(stages: Stages) -> Table:
    """A row for every stage of every run, and for each published value."""
    rows: list[tuple[str | float | int | Number | None, ...]] = []
    for run in stages.runs:
        for stage, (updates, epochs, rate) in enumerate(stages.plan(run).tolist(), start=1):
            number, n = stages.nll(run, stage), stages.scored(run, stage).size("image")
            rows.append((run, stage, round(epochs), round(updates), rate, number, n))
        n = stages.scored(run, None).size("image")
        rows.append((run, "last, all test images", None, None, None, stages.nll(run), n))
        for source, value in stages.published.get(run, {}).items():
            rows.append((run, f"published: {source}", None, None, None, value, None))
    return Table(
        "-log p(x) in nats at the end of every stage; epochs and updates are counted from the "
        "beginning.",
        ("run", "stage", "epochs", "updates", "rate", "-log p(x)", "test images"),
        tuple(rows),
    )


def caveats(stages: Stages) -> Iterator[str]:
    """What a reader must know."""
    yield (
        "Importance sampling bounds log p(x) from below in expectation: -log p(x) is, if anything, "
        "too high."
    )
    yield (
        "Published values are of other weights, orders and draws of pixels; a difference of a few "
        "hundredths of a nat means nothing."
    )
    if any(stages.published.get(run) and stages.remaining(run)[0] for run in stages.runs):
        yield "Published values are of all stages of the protocol, ours of those trained."
