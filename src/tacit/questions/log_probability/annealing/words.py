"""What importance sampling and annealing say of the same images, in words and as a table."""

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
SOURCES = (
    "Wu, Burda, Salakhutdinov and Grosse 2017, On the quantitative analysis of decoder-based "
    "generative models",
    "Grosse, Ghahramani and Adams 2015, Sandwiching the marginal likelihood using bidirectional "
    "Monte Carlo",
)


def table_of(relations: Relations) -> Table:
    """Wu's relations on this model."""
    return Table(
        caption="log p(x) of the same images by several methods: differences in nats, and what "
        "Wu et al. 2017 found for theirs, on models of their own.",
        columns=("first - second", "difference", "images", "published"),
        rows=tuple((r.said, r.number, r.number.n, r.published) for r in relations.all()),
    )


def checked_said(relations: Relations) -> str:
    """The answer in words."""
    beyond, beyond_more, gap = relations.all()[:3]
    most, n = (
        relations.checking.most,
        relations.annealed(relations.best, relations.checking.most).shape[1],
    )
    opening = (
        f"Annealing by {most:,} distributions from {START_NAMES[relations.best]}, on {n} test "
        "images,"
    )
    few, many = relations.checking.samples, MORE * relations.checking.samples
    said = verdict(
        beyond.number,
        higher=f"{opening} finds {{}} more than {few:,} importance samples, which are low by at "
        f"least that much on average; {many:,} samples leave "
        f"{show(beyond_more.number, sign=True)}.",
        lower=f"{opening} finds {{}} less than {few:,} importance samples: annealing is the looser "
        "bound here, and no check of the other.",
        alike=f"{opening} and {few:,} importance samples are not distinguishable, {{}}.",
        undefined=f"{opening} and {few:,} importance samples are undefined, {{}}.",
    )
    width = f"On images that the model itself made the two bounds lie {show(gap.number)} apart"
    flagged = {name: round(f.n * (f.value or 0)) for name, f in relations.flagged().items()}
    counted = {name: number.n for name, number in relations.flagged().items()}
    flags = " and ".join(
        f"{flagged[name]} of {counted[name]} {what}"
        for name, what in (
            ("annealed.flagged", "annealed estimates"),
            ("simulated.flagged", "pairs of bounds"),
        )
    )
    return f"{said} {width}. Flagged: {flags}.{_alarms_said(relations)}"


def _alarms_said(relations: Relations) -> str:
    if not (alarms := relations.alarms()):
        return ""
    caught, false = alarms["flag.sensitivity"], alarms["flag.false-alarms"]
    shares = [
        f"{percent(number.value)} of {number.n:,}" if number.value is not None else "none of 0"
        for number in (caught, false)
    ]
    return (
        f" Held against the integral over the latent dimensions, flags are raised for "
        f"{shares[0]} estimates that err by more than {ERROR:g} nats, and for {shares[1]} that "
        "do not."
    )
