"""How often the rules that make sentences err, and how often they find what is there.

The numbers lie in `rates.json`, which the calibration suite simulates and writes. The page's "how
it was decided" and the table of `docs/method.md` are made from them, so that they cannot disagree.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

FILE = "rates.json"


@dataclass(frozen=True)
class Tally:
    """In how many of simulated studies a sentence was made."""

    said: int
    studies: int

    @property
    def share(self) -> float:
        return self.said / self.studies

    def kept(self, at_most: float) -> bool:
        """Whether it was made no more often than that, up to twice the simulation's own error."""
        return self.share <= at_most + 2 * (at_most * (1 - at_most) / self.studies) ** 0.5


@dataclass(frozen=True)
class Rates:
    """How often one rule makes its sentence.

    Attributes:
        says: the sentence, in a few words.
        allowed: the share of studies in which it may be made where it is not so.
        null: by what was fabricated, where the sentence is not so. effects: where it is so.
    """

    says: str
    allowed: float
    null: Mapping[str, Tally]
    effects: Mapping[str, Tally] = field(default_factory=dict)

    @property
    def errs(self) -> float:
        """The largest share of studies in which it was made where it is not so."""
        return max(tally.share for tally in self.null.values())

    def words(self) -> str:
        """How often it errs, and how often it finds the first of the effects.

        >>> alike, apart = Tally(52, 1000), Tally(836, 1000)
        >>> print(Rates("they differ", 0.06, {"alike": alike}, {"2 nats, 3 seeds": apart}).words())
        “they differ” in 5.2 % where it is not so, in 84 % where 2 nats, 3 seeds
        """
        text = f"“{self.says}” in {'at most ' * (len(self.null) > 1)}{100 * self.errs:.1f} %"
        text += " where it is not so"
        for case, tally in list(self.effects.items())[:1]:
            text += f", in {100 * tally.share:.0f} % where {case}"
        return text


@cache
def known() -> Mapping[str, Rates]:
    """Of every rule, by its name."""
    text = resources.files("tacit.questions.shared").joinpath(FILE).read_text(encoding="utf-8")
    return {name: _read(entry) for name, entry in json.loads(text).items()}


def stated(rules: Iterable[str]) -> str:
    """The rates of some rules in one sentence; "" of none.

    Raises:
        KeyError: where a rule has no rates.
    """
    said = "; ".join(known()[name].words() for name in rules)
    return f"How often that is said, of simulated studies: {said}." if said else ""


def _read(entry: Mapping[str, Any]) -> Rates:
    cases = {part: {c: Tally(*n) for c, n in entry[part].items()} for part in ("null", "effects")}
    return Rates(entry["says"], entry["allowed"], **cases)
