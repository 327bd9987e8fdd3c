"""Which encoder for these images?"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import Field, field_validator

from tacit.encoders.source import is_source, placed
from tacit.labels.methods import METHODS, MethodName
from tacit.labels.pairs import BUILT_IN, Pair, codes_name, fine_tuning
from tacit.questions.base import Measurement, Question, Runs, Setting, each_once
from tacit.questions.encoders import numbers
from tacit.questions.label_efficiency.numbers import Curves, Numbers
from tacit.questions.label_efficiency.question import FewLabels
from tacit.questions.shared.seeds import Seeds
from tacit.training.views import RECIPES, NamedViews, Views


class Encoders(FewLabels):
    """Every representation with every method that can use it, on the same draws of few labels.

    Attributes:
        codes: representations, as in a pair: "pixels", "pca", "random", runs, and encoders from
            elsewhere.
        methods: of using labels on codes. One that trains an encoder on is tried on runs and on
            networks of timm.
        fine_tuned: whether networks of timm are trained on as well, whatever `methods` says.
        views: how a test image is changed, to see whether its neighbours stay.
    """

    name = "encoders"
    title = "Does an encoder beat the pixels, and which?"
    asks = (
        "With so many labels, is any encoder worth more than the pixels on these images, which, "
        "and how far behind are the others?"
    )
    rules = ("worse-pair", "winner-accuracy")
    sources = (
        "Calder, Cook, Thorpe and Slepčev 2020 (Poisson learning)",
        "Searle, Casella and McCulloch 1992 (variance components)",
        "Garrido, Balestriero, Najman and LeCun 2023 (effective rank as a choice)",
    )

    codes: Annotated[tuple[str, ...], Field(min_length=1)]
    methods: Annotated[tuple[MethodName, ...], Field(min_length=1)] = (
        "logistic",
        "poisson",
        "poisson-mbo",
        "propagate-then-head",
    )
    fine_tuned: bool = True
    views: NamedViews = RECIPES["photographs"]

    @field_validator("codes")
    @classmethod
    def _told_apart(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        each_once(map(codes_name, codes), "figures tell representations apart by name")
        return codes

    @field_validator("methods")
    @classmethod
    def _on_codes(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        able = [name for name, m in METHODS.items() if m.reads in ("codes", "encoder")]
        if wrong := [name for name in methods if name not in able]:
            raise ValueError(f"'{wrong[0]}' uses no codes; those that do: {', '.join(able)}")
        each_once(methods, "each is tried once")
        return methods

    @property
    def tried(self) -> tuple[Pair, ...]:
        return tuple(
            Pair(codes=codes, method=method)
            for codes in self.codes
            for method in self._methods_on(codes)
        )

    def _methods_on(self, codes: str) -> tuple[MethodName, ...]:
        trainable = codes not in BUILT_IN
        methods = self.methods
        if is_source(codes):
            tuning = fine_tuning(codes)
            trainable = bool(tuning)
            if self.fine_tuned:
                methods = tuple(dict.fromkeys((*methods, *tuning)))
        return tuple(m for m in methods if trainable or METHODS[m].reads == "codes")

    def viewed(self) -> dict[str, Views]:
        return {source: self.views for source in self.encoders() if numbers.can_be_viewed(source)}

    def placed(self, find: Callable[[str, str], str]) -> FewLabels:
        codes = tuple(placed(one, partial(find, "codes")) for one in self.codes)
        return super().placed(find).model_copy(update={"codes": codes})

    def with_encoders(self, sources: Sequence[str]) -> "Encoders":
        codes = tuple(dict.fromkeys((*self.codes, *sources)))
        return Encoders.model_validate(self.model_dump() | {"codes": codes})

    def needs(self) -> dict[str, tuple[str, ...]]:
        kinds = ("autoencoder", "amortized vae", "contrastive")
        return {pair.run: kinds for pair in self.tried if pair.run is not None}

    def without(self, run: str) -> "Encoders | None":
        left = tuple(codes for codes in self.codes if codes != run)
        return self.model_copy(update={"codes": left}) if left else None

    def parts(self) -> dict[str, Question]:
        own = {
            f"{codes_name(codes)} without labels": self.model_copy(update={"codes": (codes,)})
            for codes in self.codes
        }
        return {**self.each_pair(), **own}

    def measure(self, runs: Runs) -> Measurement:
        """What is known of the codes without labels; accuracies are measured pair by pair."""
        names = {codes_name(codes): codes for codes in self.codes}
        return Measurement.of(
            numbers.Indicators(
                {
                    name: numbers.indicators_of(codes, self.views, runs)
                    for name, codes in names.items()
                }
            )
        )

    def found(self, measured: Mapping[int, Measurement], setting: Setting) -> Any:
        seeds = Seeds.of(Numbers, measured)
        curves = Curves(seeds, self.tried, setting.source, setting.class_names)
        return numbers.Compared(curves, Seeds.of(numbers.Indicators, measured))
