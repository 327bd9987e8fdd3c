"""-log p(x) by stage of training, as a curve."""

from tacit.figures.charts import Panel, Series, curves
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.measures.number import columns
from tacit.questions.base import Setting
from tacit.questions.bound_by_stage.numbers import Stages


def curve(stages: Stages, setting: Setting) -> Figure:
    """-log p(x) of the same test images by epoch, beside published values."""
    numbers = {
        run: [stages.nll(run, k + 1) for k in range(stages.n_stages(run))] for run in stages.runs
    }
    n = stages.scored(stages.runs[0], 1).size("image")
    series = []
    for run in stages.runs:
        value, low, high = columns(numbers[run])
        series.append(Series(run, stages.plan(run)[:, 1], value, low, high, points=True))
    panel = Panel(
        series,
        x_label="epochs",
        y_label="-log p(x), nats",
        log_x=True,
        levels=[
            (value, f"{value:.2f} for {run}")
            for run in stages.runs
            for value in stages.published.get(run, {}).values()
        ],
    )
    return setting.chart(
        "curve",
        curves(panel),
        f"-log p(x) of the same {n:,} test images at the end of every stage, with 95 % intervals; "
        "lines are published values after the last stage.",
        "; ".join(
            f"{run} after {epochs:,.0f} epochs: {show(number)}"
            for run in stages.runs
            for epochs, number in zip(stages.plan(run)[:, 1], numbers[run], strict=True)
        ),
    )
