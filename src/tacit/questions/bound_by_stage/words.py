"""-log p(x) by stage of training: in words, as a curve, as a table."""

from tacit.figures.charts import Panel, Series, curves
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.measures.intervals import decide
from tacit.measures.number import Number
from tacit.questions.base import Setting
from tacit.questions.bound_by_stage.numbers import Stages
from tacit.questions.finding import Table
from tacit.questions.shared.wider import magnitude


def rule(stages: Stages) -> str:
    """How the numbers decide."""
    both = "over test images and over seeds" if stages.n_seeds > 1 else "over test images"
    return (
        "A run is above or below a published value, another run or an earlier stage where the 95 % "
        f"interval of the difference excludes zero {both}. Published values have no interval."
    )


def sentences(stages: Stages) -> str:
    """The answer in words."""
    said = [_run_said(stages, run) for run in stages.runs]
    first, *others = stages.runs
    for run in others:
        difference = stages.difference((run, None), (first, None))
        verdict = decide(difference)
        than = {"higher": "above", "lower": "below"}.get(verdict)
        said.append(
            f"On the same images '{run}' is {magnitude(difference)} {than} '{first}'."
            if than
            else f"'{run}' and '{first}' are {verdict}, {show(difference, sign=True)}."
        )
    return " ".join(said)


def _run_said(stages: Stages, run: str) -> str:
    updates, epochs, _ = stages.plan(run)[-1]
    n, last = stages.by_seed(run, None).shape[1], stages.n_stages(run)
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
        verdict = decide(gain)
        if verdict == "higher":
            said += f" Its last stage gained {magnitude(gain)}."
        elif verdict == "lower":
            said += f" Its last stage lost {magnitude(gain)}."
        else:
            said += f" What its last stage gained is {verdict}, {show(gain, sign=True)}."
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
    verdict = decide(above)
    if verdict == "higher":
        return f"which it misses by {magnitude(above)}"
    if verdict == "lower":
        return f"which it beats by {magnitude(above)}"
    return f"from which it is {verdict}"


def curve(stages: Stages, setting: Setting) -> Figure:
    """-log p(x) of the same test images by epoch, beside published values."""
    numbers = {
        run: [stages.nll(run, k + 1) for k in range(stages.n_stages(run))] for run in stages.runs
    }
    n = stages.by_seed(stages.runs[0], 1).shape[1]
    published = [
        (value, f"{value:.2f} for {run}")
        for run in stages.runs
        for value in stages.published.get(run, {}).values()
    ]
    panel = Panel(
        [
            Series(
                run,
                stages.plan(run)[:, 1],
                [_or_nan(number.value) for number in numbers[run]],
                [_or_nan(number.low) for number in numbers[run]],
                [_or_nan(number.high) for number in numbers[run]],
                points=True,
            )
            for run in stages.runs
        ],
        x_label="epochs",
        y_label="-log p(x), nats",
        log_x=True,
        levels=published,
    )
    return setting.figures.chart(
        f"{setting.question}-curve",
        curves(panel),
        f"-log p(x) of the same {n:,} test images at the end of every stage, with 95 % intervals "
        "over images; lines are published values after the last stage.",
        "; ".join(
            f"{run} after {epochs:,.0f} epochs: {show(number)}"
            for run in stages.runs
            for epochs, number in zip(stages.plan(run)[:, 1], numbers[run], strict=True)
        ),
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def tables_of(stages: Stages) -> tuple[Table, ...]:
    """A row for every stage of every run, and the stages that were not trained."""
    rows: list[tuple[str | float | int | Number | None, ...]] = []
    for run in stages.runs:
        for stage, (updates, epochs, rate) in enumerate(stages.plan(run).tolist(), start=1):
            number = stages.nll(run, stage)
            rows.append((run, stage, round(epochs), round(updates), rate, number, number.n))
        number = stages.nll(run)
        rows.append((run, "last, all test images", None, None, None, number, number.n))
        for source, value in stages.published.get(run, {}).items():
            rows.append((run, f"published: {source}", None, None, None, value, None))
    return (
        Table(
            caption="-log p(x) in nats at the end of every stage; epochs and updates are counted "
            "from the beginning.",
            columns=("run", "stage", "epochs", "updates", "rate", "-log p(x)", "n"),
            rows=tuple(rows),
        ),
    )


def caveats(stages: Stages) -> tuple[str, ...]:
    """What a reader must know."""
    said = [
        "Importance sampling bounds log p(x) from below in expectation: -log p(x) is, if anything, "
        "too high.",
        "Published values are of other weights, orders and draws of pixels; a difference of a few "
        "hundredths of a nat means nothing.",
    ]
    if any(stages.published.get(run) and stages.remaining(run)[0] for run in stages.runs):
        said.append("Published values are of all stages of the protocol, ours of those trained.")
    if stages.n_seeds == 1:
        said.append("One seed: every interval is over test images, given this one model.")
    return tuple(said)
