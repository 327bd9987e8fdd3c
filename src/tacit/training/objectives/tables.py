"""Objectives as data, and what a model of a kind minimises."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tacit.models.config import ModelConfig, Table
from tacit.training.objectives.base import Objective
from tacit.training.objectives.classes import cross_entropy
from tacit.training.objectives.generative import dreg, elbo, iwae, squared_error


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


def objective_of(config: ModelConfig, table: ObjectiveTable) -> Objective:
    """What a model of this kind minimises; `table` is for VAEs alone."""
    if config.learn == "classifier":
        return cross_entropy  # type: ignore[return-value]
    if config.learn == "autoencoder":
        return squared_error  # type: ignore[return-value]
    if table.kind == "iwae":
        return iwae(table.samples)
    if table.kind == "dreg":
        return dreg(table.samples)
    return elbo(table.beta, table.samples)
