"""What samples from a prior cost, what a fit repairs, and what the initialisation did: numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from tacit.measures.number import Number
from tacit.questions.base import Measurement
from tacit.questions.shared.codes import counted
from tacit.questions.shared.sample_quality import TRAINING, contrast, networks_of, null_quantile

PRIOR, GAUSSIAN, MIXTURE = "prior", "gaussian", "mixture"
DRAWN, RECONSTRUCTIONS = "drawn", "reconstructions"


@dataclass(frozen=True)
class Compared:
    """The models of all seeds, by what they are.

    Attributes:
        measured: by seed.
        amortized, per_image, autoencoder: names of runs.
    """

    measured: Mapping[int, Measurement]
    amortized: str
    per_image: tuple[str, ...]
    autoencoder: str | None

    @property
    def models(self) -> tuple[str, ...]:
        """All runs, in the order of the tables."""
        last = () if self.autoencoder is None else (self.autoencoder,)
        return (self.amortized, *self.per_image, *last)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks whose features were looked at, the one that decides first."""
        return networks_of(self.measured)

    def setting(self, run: str, name: str) -> float:
        """How a per-image run was set: "mean-std" of its start, or "updates" a visit."""
        return next(iter(self.measured.values())).values[f"codes/{run}/{name}"]

    @property
    def other_starts(self) -> tuple[tuple[str, str], ...]:
        """Pairs of per-image runs, (wide, narrow), that differ in the spread they started from."""
        return tuple(
            (wide, narrow)
            for narrow in self.per_image
            for wide in self.per_image
            if self.setting(wide, "updates") == self.setting(narrow, "updates")
            and self.setting(wide, "mean-std") > self.setting(narrow, "mean-std")
        )

    def distance(self, network: str, run: str, density: str) -> Number:
        """The kernel distance to test images of a run's samples or reconstructions."""
        return contrast(self.measured, network, [f"{run}/{density}"])

    def difference(self, network: str, run: str, density: str, other: str) -> Number:
        """The distance of one density's samples minus that of another's, of the same run."""
        return contrast(self.measured, network, [f"{run}/{density}"], [f"{run}/{other}"])

    def cost_difference(self, network: str, run: str, other: str) -> Number:
        """What the prior costs one run minus what it costs another."""
        return contrast(
            self.measured,
            network,
            [f"{run}/{PRIOR}", f"{other}/{DRAWN}"],
            [f"{run}/{DRAWN}", f"{other}/{PRIOR}"],
        )


def prior_numbers(compared: Compared) -> dict[str, Number]:
    """The numbers of the answer, on the features that decide; a few on the others."""
    network, amortized = compared.networks[0], compared.amortized
    numbers: dict[str, Number] = {}
    for run in compared.per_image:
        numbers[f"{run}.prior-cost-minus-{amortized}"] = compared.cost_difference(
            network, run, amortized
        )
    for wide, narrow in compared.other_starts:
        numbers[f"{wide}.prior-cost-minus-{narrow}"] = compared.cost_difference(
            network, wide, narrow
        )
        numbers[f"{wide}.samples-minus-{narrow}"] = contrast(
            compared.measured, network, [f"{wide}/{PRIOR}"], [f"{narrow}/{PRIOR}"]
        )
    for run in compared.per_image:
        numbers[f"{run}.share-of-start"] = counted(
            compared.measured, f"codes/{run}/start-share", unit="share"
        )
        numbers[f"{run}.samples-minus-{amortized}"] = contrast(
            compared.measured, network, [f"{run}/{PRIOR}"], [f"{amortized}/{PRIOR}"]
        )
    for run in compared.models:
        numbers |= {
            f"{run}.prior-cost": compared.difference(network, run, PRIOR, DRAWN),
            f"{run}.repaired-by-mixture": compared.difference(network, run, PRIOR, MIXTURE),
            f"{run}.left-by-mixture": compared.difference(network, run, MIXTURE, DRAWN),
        }
    main = compared.per_image[0]
    for other in compared.networks[1:]:
        numbers |= {
            f"{other}.{main}.prior-cost-minus-{amortized}": compared.cost_difference(
                other, main, amortized
            ),
            f"{other}.{main}.repaired-by-mixture": compared.difference(other, main, PRIOR, MIXTURE),
            f"{other}.{main}.left-by-mixture": compared.difference(other, main, MIXTURE, DRAWN),
        }
    numbers["training-images"] = contrast(compared.measured, network, [TRAINING])
    numbers["null"] = null_quantile(compared.measured, network, TRAINING)
    return numbers
