"""A representation and a method of using labels on it: what the study file says, and its names."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tacit.labels.methods import FROM_PIXELS, METHODS, PROPAGATING, RECIPES, TAKE_SHARES, MethodName
from tacit.labels.networks import Recipe
from tacit.models.config import Table

BUILT_IN = {"pixels": "raw pixels", "pca": "PCA of the pixels", "random": "an untrained encoder"}
"""Representations that need no run, in words."""

SHORT = {"pixels": "pixels", "pca": "PCA", "random": "untrained encoder"}


SLACK = 0.1
"""Of uniform shares, unless a pair says otherwise."""


class Pair(Table):
    """A representation and a method of using labels on it.

    Attributes:
        codes: "pixels", "pca", "random" (an untrained encoder), or the name of a run.
        method: how labels are used.
        shares: of the classes, for methods with Poisson MBO: "uniform", the default, takes them as
            equal, "known" tells the method the shares that all labels have.
        slack: by what part of itself a class's share may differ from that; by default a tenth where
            shares are uniform, which no set of images is to the last one, and nothing where known.
        recipe: of methods that train a network, settings in place of the method's own.
    """

    codes: str = "pixels"
    method: MethodName
    shares: Literal["known", "uniform"] | None = None
    slack: Annotated[float, Field(ge=0, le=1)] | None = None
    recipe: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _belongs_together(self) -> "Pair":
        if self.method in FROM_PIXELS and self.codes != "pixels":
            raise ValueError(
                f"'{self.method}' reads the images themselves; codes are 'pixels' there"
            )
        if self.method in ("fine-tune", "all-labels") and self.codes in BUILT_IN:
            raise ValueError(
                f"'{self.method}' takes a trained run; codes are '{self.codes}', which is none"
            )
        if (self.shares or self.slack is not None) and self.method not in TAKE_SHARES:
            raise ValueError(
                f"'{self.method}' has no use for class shares; {' and '.join(TAKE_SHARES)} have"
            )
        if self.recipe and not self.trains:
            raise ValueError(
                f"'{self.method}' trains no network; recipes are for {', '.join(RECIPES)}"
            )
        if self.recipe:
            self.trained_by()
        return self

    @property
    def trains(self) -> bool:
        """Whether a network is trained in every trial."""
        return self.method in RECIPES

    def trained_by(self) -> Recipe:
        """How a network is trained: the method's own recipe, with what the pair replaces."""
        own = RECIPES[self.method]
        return Recipe.model_validate(own.model_dump() | self.recipe)

    def work(self, n_labels: int, n_pool: int) -> float:
        """Roughly how much work a trial is, in images that the networks of a study look at.

        Those networks are trained with a decoder, or on more; to learn from an image here costs
        about what it costs to look at one there.
        """
        told = METHODS[self.method]
        n = n_pool if self.transductive else n_labels
        trained = self.trained_by().images(n) if self.trains else 0
        return told.images + told.passes * n_pool + trained

    @property
    def run(self) -> str | None:
        """The run whose codes are used; None for a representation that needs none."""
        return None if self.codes in BUILT_IN else self.codes

    @property
    def knows_shares(self) -> bool:
        """Whether the method is told the class shares."""
        return self.shares == "known"

    @property
    def allowed_slack(self) -> float:
        """By what part of itself a class's share may differ from the one that the method takes."""
        if self.slack is not None:
            return self.slack
        return SLACK if self.takes_uniform_shares else 0.0

    @property
    def takes_uniform_shares(self) -> bool:
        """Whether the method takes all classes as equally frequent."""
        return self.method in TAKE_SHARES and not self.knows_shares

    @property
    def transductive(self) -> bool:
        """Whether the method also answers for the unlabelled images of the pool by themselves."""
        return self.method in PROPAGATING

    @property
    def name(self) -> str:
        """As numbers and columns are named."""
        own = self.method if self.method in FROM_PIXELS else f"{self.codes}.{self.method}"
        own += ".known-shares" if self.knows_shares else ""
        return own if self.slack is None else f"{own}.slack-{self.slack:g}"

    @property
    def short(self) -> str:
        """A name of few words, for figures and tables."""
        method = METHODS[self.method].short + (" (known shares)" if self.knows_shares else "")
        method += "" if self.slack is None else f" (± {100 * self.slack:g} %)"
        if self.method in FROM_PIXELS:
            return method
        return f"{SHORT.get(self.codes, self.codes)} · {method}"

    @property
    def words(self) -> str:
        """A name for sentences: "the codes of vae with Poisson MBO"."""
        method = METHODS[self.method].words + (
            " told the class shares" if self.knows_shares else ""
        )
        if self.method in FROM_PIXELS:
            return method
        if self.method == "all-labels":
            return f"{self.codes}, {method},"
        if self.method == "fine-tune":
            return f"{method} {self.codes}"
        codes = BUILT_IN.get(self.codes, f"the codes of {self.codes}")
        return f"{codes} with {method}"
