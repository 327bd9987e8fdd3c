"""How question `compare` is drawn."""

from tacit.figures.sink import Figure
from tacit.questions.base import Setting
from tacit.questions.compare.numbers import Compared
from tacit.questions.shared.drawing import interval_chart


def draw(compared: Compared, setting: Setting) -> tuple[Figure, ...]:
    """Every run's mean with its interval."""
    words = compared.asked.words
    chart = interval_chart(
        setting,
        "runs",
        {words: {name: compared.numbers[f"{name}.{compared.by}"] for name in compared.names}},
        f"The {words} of each run with its own 95 % interval. Runs are told apart by paired "
        "differences, which are known better than these.",
        x_label=words,
    )
    return (chart,)
