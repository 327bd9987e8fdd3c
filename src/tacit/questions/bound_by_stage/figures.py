"""-log p(x) by stage of training, as a curve."""

from tacit.figures.charts import Panel
from tacit.figures.sink import Figure
from tacit.questions.base import Setting
from tacit.questions.bound_by_stage.numbers import Found
from tacit.questions.shared.drawing import with_intervals


def draw(stages: Found, setting: Setting) -> tuple[Figure, ...]:
    """-log p(x) of the same test images by epoch, beside published values."""
    series = []
    for run in stages.asked.runs:
        numbers = [stages.nll(run, k + 1) for k in range(stages.n_stages(run))]
        series.append(with_intervals(run, stages.plan(run)[:, 1], numbers))
    levels = [
        (value, f"{value:.2f} for {run}")
        for run in stages.asked.runs
        for value in stages.published(run).values()
    ]
    n = stages.scored(stages.asked.runs[0], 1).size("image")
    chart = setting.curves(
        "curve",
        [Panel(series, "epochs", "-log p(x), nats", log_x=True, levels=levels)],
        f"-log p(x) of the same {n:,} test images at the end of every stage, with 95 % intervals; "
        "lines are published values after the last stage.",
    )
    return (chart,)
