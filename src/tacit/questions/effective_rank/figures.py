"""How question `effective-rank` is drawn."""

import numpy as np

from tacit.figures.charts import Panel
from tacit.figures.sink import Figure
from tacit.questions.base import Setting
from tacit.questions.effective_rank.numbers import Found
from tacit.questions.shared.drawing import bands_over, over_seeds

TERMS = {
    "rank": "effective rank",
    "spread": "standard deviation of a dimension",
    "neighbour": "nearest neighbour of the same class",
}


def draw(found: Found, setting: Setting) -> tuple[Figure, ...]:
    """How codes went while contrastive runs learned; nothing without such."""
    seeds = found.seeds
    names = [name for name in found.asked.runs if len(seeds.first.run[name].epoch)]
    if not names:
        return ()
    panels = []
    for term, label in TERMS.items():
        if not all(len(getattr(seeds.first.run[name], term)) for name in names):
            continue  # there are no labels
        series = []
        for colour, name in enumerate(names):
            lines = np.stack([getattr(one.run[name], term) for one in seeds])
            series.append(over_seeds(name, seeds.first.run[name].epoch, lines, colour))
        panels.append(Panel(series, x_label="epochs", y_label=label, title=label))
    caption = f"Codes of training images while they were learned{bands_over(len(seeds))}."
    return (setting.curves("learning", panels, caption),)
