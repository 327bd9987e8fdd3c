"""A representation and a method of using labels on it: what the study file says, and its names."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tacit.encoders.source import is_source, parse
from tacit.labels.methods import METHODS, Method, MethodName
from tacit.labels.networks import Recipe
from tacit.models.config import Table

BUILT_IN = {"pixels": "raw pixels", "pca": "PCA of the pixels", "random": "an untrained encoder"}
"""Representations that need no run, in words."""

SHORT = {"pixels": "pixels", "pca": "PCA", "random": "untrained encoder"}

SLACK = 0.1
"""Of shares that are not known, unless a pair says otherwise."""


def codes_name(codes: str) -> str:
    """What codes are called: never a path."""
    return parse(codes).name if is_source(codes) else codes


def short_name(codes: str) -> str:
    """The same in few words, for figures and tables."""
    return SHORT.get(codes, codes)


def named_once(encoders: Iterable[str | None]) -> tuple[str, ...]:
    """Each encoder once, in their order, without those that are None."""
    return tuple(dict.fromkeys(encoder for encoder in encoders if encoder is not None))


class Pair(Table):
    """A representation and a method of using labels on it.

    Attributes:
        codes: "pixels", "pca", "random" (an untrained encoder), the name of a run, or an encoder
            from elsewhere (`tacit.encoders.source`), such as "timm:resnet18".
        method: how labels are used, a name of `tacit.labels.methods.METHODS`.
        shares: of the classes, for methods that take them: "uniform", the default, takes them as
            equal, "estimated" finds them on the graph, "known" tells the method the shares that all
            labels have.
        slack: by what part of itself a class's share may differ from that; by default a tenth, and
            nothing where shares are known.
        recipe: of methods that train a network, settings in place of the method's own.
    """

    codes: str = "pixels"
    method: MethodName
    shares: Literal["known", "uniform", "estimated"] | None = None
    slack: Annotated[float, Field(ge=0, le=1)] | None = None
    recipe: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _belongs_together(self) -> "Pair":
        reads, method = self.using.reads, f"'{self.method}'"
        if self.encoder is not None:
            parse(self.codes)
        if reads == "images" and self.codes != "pixels":
            raise ValueError(f"{method} reads the images themselves; codes are 'pixels' there")
        elsewhere = self.encoder is not None and self.using.recipe_elsewhere is not None
        if elsewhere and parse(self.codes).kind != "timm":
            raise ValueError(
                f"{method} trains the network of a timm encoder; '{self.codes}' has none that "
                "could be"
            )
        if reads in ("encoder", "classifier") and self.run is None and not elsewhere:
            raise ValueError(
                f"{method} takes a trained run; codes are '{self.codes}', which is none"
            )
        if (self.shares or self.slack is not None) and not self.using.takes_shares:
            able = " and ".join(name for name, each in METHODS.items() if each.takes_shares)
            raise ValueError(f"{method} has no use for class shares; {able} have")
        if self.recipe and not self.trains:
            able = ", ".join(name for name, each in METHODS.items() if each.recipe is not None)
            raise ValueError(f"{method} trains no network; recipes are for {able}")
        if self.recipe:
            self.trained_by()
        return self

    @property
    def using(self) -> Method:
        """The method."""
        return METHODS[self.method]

    @property
    def trains(self) -> bool:
        """Whether a network is trained in every trial."""
        return self.using.recipe is not None

    def trained_by(self) -> Recipe | None:
        """How a network is trained: the method's own recipe, with what the pair replaces."""
        own = self.using.recipe if self.encoder is None else self.using.recipe_elsewhere
        return None if own is None else Recipe.model_validate(own.model_dump() | self.recipe)

    @property
    def moves_images(self) -> bool:
        """Whether a network is trained on images that are moved about."""
        recipe = self.trained_by()
        return recipe is not None and recipe.affine is not None

    def work(self, n_labels: int, n_pool: int) -> float:
        """Roughly how much work a trial is; see `Method.work`."""
        return self.using.work(n_labels, n_pool, self.trained_by())

    @property
    def run(self) -> str | None:
        """The run whose codes are used; None for a representation that needs none."""
        return None if self.codes in BUILT_IN or self.encoder is not None else self.codes

    @property
    def encoder(self) -> str | None:
        """The encoder from elsewhere whose codes are used; None for others."""
        return self.codes if is_source(self.codes) else None

    @property
    def trained_encoder(self) -> str | None:
        """The encoder from elsewhere whose network is trained on; None for others."""
        return self.encoder if self.using.reads == "encoder" else None

    @property
    def codes_name(self) -> str:
        """What the codes are called: never a path."""
        return codes_name(self.codes)

    @property
    def knows_shares(self) -> bool:
        """Whether the method is told the class shares."""
        return self.shares == "known"

    @property
    def knows_more(self) -> bool:
        """Whether it uses more than the images and the labels of a trial."""
        return self.using.oracle or self.knows_shares

    @property
    def allowed_slack(self) -> float:
        """By what part of itself a class's share may differ from the one that the method takes."""
        if self.slack is not None:
            return self.slack
        return SLACK if self.using.takes_shares and not self.knows_shares else 0.0

    @property
    def takes_uniform_shares(self) -> bool:
        """Whether the method takes all classes as equally frequent."""
        return self.using.takes_shares and self.shares in (None, "uniform")

    @property
    def transductive(self) -> bool:
        """Whether the method also answers for the unlabelled images of the pool by themselves."""
        return self.using.transductive

    @property
    def name(self) -> str:
        """As numbers and columns are named."""
        own = self.method if self.using.reads == "images" else f"{self.codes_name}.{self.method}"
        own += f".{self.shares}-shares" if self.shares in ("known", "estimated") else ""
        return own if self.slack is None else f"{own}.slack-{self.slack:g}"

    @property
    def short(self) -> str:
        """A name of few words, for figures and tables."""
        method = self.using.short
        method += f" ({self.shares} shares)" if self.shares in ("known", "estimated") else ""
        method += "" if self.slack is None else f" (± {100 * self.slack:g} %)"
        if self.using.reads == "images":
            return method
        return f"{SHORT.get(self.codes, self.codes_name)} · {method}"

    @property
    def words(self) -> str:
        """A name for sentences: "the codes of vae with Poisson propagation"."""
        codes = self.codes_name
        if self.using.reads == "codes":
            codes = BUILT_IN.get(codes, f"the codes of {codes}")
        told = " told the class shares" if self.knows_shares else ""
        return self.using.words.format(codes=codes) + told


def fine_tuning(source: str) -> list[str]:
    """The methods that train an encoder from elsewhere itself; none where it cannot be trained."""
    able = [name for name, each in METHODS.items() if each.recipe_elsewhere is not None]
    return able if parse(source).kind == "timm" else []


def pairs_of(source: str) -> list[Pair]:
    """An encoder from elsewhere with every method that reads codes alone, and trains no network.

    Raises:
        EncoderError: it names none.
    """
    parse(source)
    able = [m for m in METHODS.values() if m.reads == "codes" and m.recipe is None]
    return [Pair(codes=source, method=method.name) for method in able]


def _by_name(value: Any) -> Any:
    return pair_named(value) if isinstance(value, str) else value


AnyPair = Annotated[Pair, BeforeValidator(_by_name, json_schema_input_type=Pair | str)]
"""A pair as a table, or by its name as on the command line."""


def pair_named(name: str) -> Pair:
    """The pair whose `name` it is, without settings of its own: "vae.poisson", "scratch".

    Raises:
        ValueError: it names no method, or the two do not go together.
    """
    codes, _, method = name.rpartition(".")
    if method not in METHODS:
        raise ValueError(f"'{method}' is no method; {', '.join(METHODS)} are")
    return Pair(codes=codes or "pixels", method=method)
