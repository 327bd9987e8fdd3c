"""How question `compare` is drawn."""

from tacit.figures.charts import intervals
from tacit.figures.sink import Figure
from tacit.measures.formatting import show
from tacit.questions.base import Setting
from tacit.questions.compare.numbers import Compared


def draw(compared: Compared, setting: Setting) -> Figure:
    """Every run's mean with its interval."""
    means = {name: compared.numbers[f"{name}.{compared.by}"] for name in compared.names}
    words = compared.asked.words
    told = "; ".join(f"{name} {show(number)}" for name, number in means.items())
    return setting.chart(
        "runs",
        intervals(list(means), {words: list(means.values())}, x_label=words),
        f"The {words} of each run with its own 95 % interval. Runs are told apart by paired "
        "differences, which are known better than these.",
        f"{words} by run: {told}.",
    )
