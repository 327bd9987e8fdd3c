"""What importance sampling and annealing say of the same images, in words and as a table."""

from collections.abc import Iterator

from tacit.measures.formatting import percent, show
from tacit.questions.finding import Table
from tacit.questions.log_probability.annealing.measuring import MORE
from tacit.questions.log_probability.annealing.numbers import ERROR, START_NAMES, Relations
from tacit.questions.shared.words import verdict

RULE = (
    " Importance sampling is called low where the interval of annealing minus importance sampling "
    "over the same images lies above zero; the annealed estimate is that with the most "
    "distributions from the encoder, or from refined posteriors where there is none."
)
CAVEATS = (
    "Annealing too gives lower bounds in expectation. The gap of both bounds certifies it on "
    "images that the model made, and on real ones only as far as they resemble these.",
)


def table_of(relations: Relations) -> Table:
    """Wu's relations on this model."""
    return Table(
        caption="log p(x) of the same images by several methods: differences in nats, and what "
        "Wu et al. 2017 found for theirs, on models of their own.",
        columns=("first - second", "difference", "images", "published"),
        rows=tuple((r.said, r.number, r.number.n, r.published) for r in relations.all()),
    )


def sentences(relations: Relations) -> Iterator[str]:
    """What annealing says of the importance samples, and how far it can be trusted."""
    beyond, beyond_more, gap = relations.all()[:3]
    few, many = relations.asked.samples, MORE * relations.asked.samples
    most, where = relations.asked.distributions[-1], START_NAMES[relations.best]
    n = relations.annealed(relations.best, most).size("image")
    opening = f"Annealing by {most:,} distributions from {where}, on {n} test images,"
    yield verdict(
        beyond.number,
        higher=f"{opening} finds {{}} more than {few:,} importance samples, which are low by at "
        f"least that much on average; {many:,} samples leave "
        f"{show(beyond_more.number, sign=True)}.",
        lower=f"{opening} finds {{}} less than {few:,} importance samples: annealing is the looser "
        "bound here, and no check of the other.",
        alike=f"{opening} and {few:,} importance samples are not distinguishable, {{}}.",
        undefined=f"{opening} and {few:,} importance samples are undefined, {{}}.",
    )
    yield f"On images that the model itself made the two bounds lie {show(gap.number)} apart."
    if alarms := relations.alarms():
        caught, false = (
            "none of 0" if of.value is None else f"{percent(of.value)} of {of.n:,}"
            for of in (alarms["flag.sensitivity"], alarms["flag.false-alarms"])
        )
        yield (
            f"Held against the integral, flags are raised for {caught} estimates that err by more "
            f"than {ERROR:g} nats, and for {false} that do not."
        )
