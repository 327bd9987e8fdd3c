"""Which factor a mean's uncertainty comes from, in numbers and in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from tacit.measures.formatting import significant

FACTORS = ("seed", "draw", "image")
ANOTHER = {"seed": "another seed", "draw": "another choice of labels", "image": "other images"}
MOSTLY = 0.5
"""From this share of the variance a factor is what it mostly comes from."""


@dataclass(frozen=True)
class Parts:
    """The variance of a mean, by where it comes from.

    Attributes:
        standard_error: the root of that variance. Half of all replications with other seeds, draws
            and images would differ from this one by more than 0.95 of it, so it is "about" how
            much they would move the number.
        shares: of the variance, by factor, and "rest": what differs with every combination. They
            add up to one; empty where the interval is undefined.
        within_reach: the share of the variance that would go with endlessly many units of a factor,
            its combinations with others included.
        sizes: how many units each factor has. names: what they are called. unit: of the number.
    """

    standard_error: float
    shares: Mapping[str, float]
    within_reach: Mapping[str, float]
    sizes: Mapping[str, int]
    names: Mapping[str, str]
    unit: str = ""

    @classmethod
    def of(
        cls,
        terms: Mapping[tuple[int, ...], float],
        sizes: Mapping[str, int],
        names: Mapping[str, str],
        unit: str,
    ) -> "Parts":
        """From the terms of a `Spread`, by axes."""
        variance = sum(terms.values())
        if variance == 0:
            return cls(0.0, {}, {}, sizes, names, unit)
        varied = [f for f in FACTORS if sizes.get(f, 1) > 1]
        shares = {f: terms.get((FACTORS.index(f),), 0.0) / variance for f in varied}
        shares["rest"] = max(0.0, 1 - sum(shares.values()))
        reach = {
            f: sum(v for axes, v in terms.items() if FACTORS.index(f) in axes) / variance
            for f in varied
        }
        return cls(variance**0.5, shares, reach, sizes, names, unit)

    @property
    def buy(self) -> str:
        """The factor of which more units would narrow the interval most; "" if there is none."""
        return max(self.within_reach, key=lambda f: self.within_reach[f], default="")

    def words(self) -> str:
        """What would move the number, by how much, and what to buy more of.

        >>> parts = Parts.of({(0,): 0.01, (1,): 0.08, (0, 1): 0.01}, {"seed": 3, "draw": 10},
        ...                  {"seed": "seeds", "draw": "draws"}, "points")
        >>> print(parts.words())
        Another seed or another choice of labels would move this by about 0.32 points, mostly the
        choice of labels (80 % of the variance); more draws would narrow it most.
        """
        if not self.shares:
            return ""
        varied = [f for f in self.shares if f != "rest"]
        others = [self._another(f) for f in varied]
        listed = others[0] if len(others) == 1 else f"{', '.join(others[:-1])} or {others[-1]}"
        unit = f" {self.unit}" if self.unit else ""
        error, suffix = self.standard_error, unit
        if self.unit in ("accuracy", "share"):
            error, suffix = 100 * error, " percentage points"
        text = f"{listed} would move this by about {significant(error, 2)}{suffix}"
        text = text[0].upper() + text[1:]
        if len(varied) > 1:
            most = max(self.shares, key=lambda f: self.shares[f])
            if most != "rest":
                adverb = "mostly" if self.shares[most] >= MOSTLY else "most of all"
                noun = self._another(most).removeprefix("another ").removeprefix("other ")
                text += f", {adverb} the {noun} ({100 * self.shares[most]:.0f} % of the variance)"
            else:
                text += ", mostly what differs with every combination of them"
        most = " most" if len(varied) > 1 else ""
        return f"{text}; more {self.names.get(self.buy, self.buy)} would narrow it{most}."

    def _another(self, factor: str) -> str:
        if factor == "image":
            return f"other {self.names.get('image', 'images')}"
        return ANOTHER[factor]
