"""Objectives as data, and what a model of a kind minimises."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from tacit.models.config import ModelConfig, OrItsKind, Table, named
from tacit.training.objectives.base import Objective
from tacit.training.objectives.classes import cross_entropy
from tacit.training.objectives.contrastive import byol, simclr, vicreg
from tacit.training.objectives.generative import dreg, elbo, iwae, squared_error
from tacit.training.views import RECIPES, NamedViews

Weight = Annotated[float, Field(ge=0, le=1e6)]


class ObjectiveTable(Table):
    """What a VAE minimises: the ELBO with β, or a bound from several samples.

    `samples` are per image and update.
    """

    kind: Literal["elbo", "iwae", "dreg"] = "elbo"
    samples: Annotated[int, Field(ge=1, le=100_000)] = 1
    beta: Annotated[float, Field(ge=0, le=1e6)] = 1.0

    @model_validator(mode="after")
    def _beta_belongs_to_the_elbo(self) -> "ObjectiveTable":
        if self.kind != "elbo" and self.beta != 1:
            raise ValueError(f"beta is {self.beta}, but '{self.kind}' has no KL to weight; use 1")
        return self


class SimCLRTable(Table):
    """`simclr`: NT-Xent on two views of each image."""

    kind: Literal["simclr"] = "simclr"
    views: NamedViews = RECIPES["photographs"]
    temperature: Annotated[float, Field(gt=0, le=100)] = 0.5

    def build(self) -> Objective:
        return simclr(self.views, self.temperature)


class VICRegTable(Table):
    """`vicreg`, with the weights of its three terms."""

    kind: Literal["vicreg"] = "vicreg"
    views: NamedViews = RECIPES["photographs"]
    invariance: Weight = 25.0
    variance: Weight = 25.0
    covariance: Weight = 1.0

    def build(self) -> Objective:
        return vicreg(self.views, self.invariance, self.variance, self.covariance)


class BYOLTable(Table):
    """`byol`; `momentum` is the share of itself that an average keeps at every update."""

    kind: Literal["byol"] = "byol"
    views: NamedViews = RECIPES["photographs"]
    momentum: Annotated[float, Field(ge=0, le=1)] = 0.99

    def build(self) -> Objective:
        return byol(self.views)


ContrastiveTable = SimCLRTable | VICRegTable | BYOLTable
"""What a contrastive model minimises."""


def _with_kind(value: Any) -> Any:
    """``simclr`` for ``{kind: simclr}``; a table without a kind is that of a VAE."""
    value = named(value)
    return {"kind": "elbo", **value} if isinstance(value, dict) else value


AnyObjectiveTable = Annotated[
    Annotated[ObjectiveTable | ContrastiveTable, Field(discriminator="kind")],
    BeforeValidator(_with_kind),
    OrItsKind(),
]
"""What a run minimises, where there is a choice."""

_ADAPTER: TypeAdapter[ObjectiveTable | ContrastiveTable] = TypeAdapter(AnyObjectiveTable)


def read_objective(data: Any) -> ObjectiveTable | ContrastiveTable:
    """The table that plain data say, as `model_dump` gave them.

    Raises:
        pydantic.ValidationError: they say none.
    """
    return _ADAPTER.validate_python(data)


def objective_of(config: ModelConfig, table: ObjectiveTable | ContrastiveTable) -> Objective:
    """What a model of this kind minimises; `table` is for VAEs and contrastive models alone.

    Raises:
        ValueError: the table is for the other of the two.
    """
    if (config.learn == "contrastive") != isinstance(table, ContrastiveTable):
        raise ValueError(f"'{config.learn}' does not minimise '{table.kind}'")
    if not isinstance(table, ObjectiveTable):
        return table.build()
    if config.learn == "classifier":
        return cross_entropy  # type: ignore[return-value]
    if config.learn == "autoencoder":
        return squared_error  # type: ignore[return-value]
    if table.kind == "iwae":
        return iwae(table.samples)
    if table.kind == "dreg":
        return dreg(table.samples)
    return elbo(table.beta, table.samples)
