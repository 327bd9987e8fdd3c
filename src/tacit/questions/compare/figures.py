"""How question `compare` is drawn."""

from tacit.figures.sink import Figure
from tacit.questions.base import Setting
from tacit.questions.compare.numbers import Found


def draw(compared: Found, setting: Setting) -> tuple[Figure, ...]:
    """Every run's mean with its interval."""
    words = compared.measure.words
    chart = setting.intervals(
        "runs",
        {words: {run: one.mean() for run, one in compared.scores.items()}},
        f"The {words} of each run with its own 95 % interval. Runs are told apart by paired "
        "differences, which are known better than these.",
        x_label=words,
    )
    return (chart,)
