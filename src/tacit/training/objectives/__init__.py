"""Objectives: what is minimised, as per-image terms in nats.

An objective is called as ``objective(model, batch, generator)`` and returns a dictionary of
per-image terms, each (B,). The term called ``loss`` is what is minimised; the others are its parts,
for people to read. Sums run over pixels and latent dimensions, never means: a mean over pixels
beside a mean over latent dimensions is a hidden β of 784 / (2 σ² 200).
"""

from tacit.training.objectives.base import Batch, Objective, Terms, weighted
from tacit.training.objectives.classes import cross_entropy, generalised_cross_entropy
from tacit.training.objectives.contrastive import byol, nt_xent, simclr, vicreg
from tacit.training.objectives.generative import dreg, elbo, iwae, squared_error
from tacit.training.objectives.tables import (
    ContrastiveTable,
    ObjectiveTable,
    objective_of,
    read_objective,
)

__all__ = [
    "Batch",
    "ContrastiveTable",
    "Objective",
    "ObjectiveTable",
    "Terms",
    "byol",
    "cross_entropy",
    "dreg",
    "elbo",
    "generalised_cross_entropy",
    "iwae",
    "nt_xent",
    "objective_of",
    "read_objective",
    "simclr",
    "squared_error",
    "vicreg",
    "weighted",
]
