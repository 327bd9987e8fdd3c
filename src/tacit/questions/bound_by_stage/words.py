"""-log p(x) by stage of training, in words and as a table."""

from collections.abc import Iterator

from tacit.measures.formatting import brief
from tacit.questions.bound_by_stage.numbers import Found
from tacit.questions.finding import Row, Table
from tacit.questions.shared.words import verdict
from tacit.questions.verdicts import Said, Verdict, ruled

DECIDED_BY = (
    "A run is above or below a published value, another run or an earlier stage where the 95 % "
    "interval of the difference, over seeds and test images together, excludes zero. Published "
    "values have no interval."
)


def headline(stages: Found) -> Said:
    """Whether a published value is reached, by the first run that has one."""
    run = next((run for run in stages.asked.runs if stages.published(run)), stages.asked.runs[0])
    nll, left = stages.nll(run), stages.remaining(run)[0]
    reached = f"{run} reaches a negative log-likelihood of {brief(nll)}"
    values = stages.published(run).values()
    key = next((n for n, number in stages.numbers.items() if number == nll), "")
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


def sentences(stages: Found) -> Iterator[str]:
    """Every run beside published values and its last stage, then each beside the first."""
    for run in stages.asked.runs:
        for source, value in stages.published(run).items():
            yield verdict(
                stages.above(run, value),
                higher=f"{run} misses {source} by {{}}.",
                lower=f"{run} beats {source} by {{}}.",
                alike=f"{run} is not distinguishable from {source} ({{}}).",
            )
        if (gain := stages.last_gain(run)) is not None:
            yield verdict(
                gain,
                higher=f"The last stage of {run} gained {{}}.",
                lower=f"The last stage of {run} lost {{}}.",
                alike=f"What the last stage of {run} gained is not told from nothing ({{}}).",
            )
        left, epochs, updates = stages.remaining(run)
        if left:
            yield (
                f"Stages of {run} that were not trained: {left}, of {epochs:,} epochs and "
                f"{updates:,} updates."
            )
    first, *others = stages.asked.runs
    for run in others:
        yield verdict(
            stages.difference((run, None), (first, None)),
            higher=f"On the same images {run} is {{}} above {first}.",
            lower=f"On the same images {run} is {{}} below {first}.",
            alike=f"{run} and {first} are not distinguishable ({{}}).",
        )


def table(stages: Found) -> Table:
    """A row for every stage of every run, and for each published value."""
    rows: list[Row] = []
    for run in stages.asked.runs:
        for stage, (updates, epochs, rate) in enumerate(stages.plan(run).tolist(), start=1):
            number, n = stages.nll(run, stage), stages.scored(run, stage).size("image")
            rows.append((run, stage, round(epochs), round(updates), rate, number, n))
        n = stages.scored(run, None).size("image")
        rows.append((run, "last, all test images", None, None, None, stages.nll(run), n))
        for source, value in stages.published(run).items():
            rows.append((run, f"published: {source}", None, None, None, value, None))
    return Table(
        "-log p(x) in nats at the end of every stage; epochs and updates are counted from the "
        "beginning.",
        ("run", "stage", "epochs", "updates", "rate", "-log p(x)", "test images"),
        tuple(rows),
    )


def caveats(stages: Found) -> Iterator[str]:
    yield (
        "Importance sampling bounds log p(x) from below in expectation: -log p(x) is, if anything, "
        "too high."
    )
    yield (
        "Published values are of other weights, orders and draws of pixels; a difference of a few "
        "hundredths of a nat means nothing."
    )
    if any(stages.published(run) and stages.remaining(run)[0] for run in stages.asked.runs):
        yield "Published values are of all stages of the protocol, ours of those trained."
    asked, source = stages.asked, stages.setting.source
    if asked.published and source != asked.published_for:
        yield (
            f"Published values are of the images '{asked.published_for}', and are not compared "
            f"with those of '{source}'."
        )
