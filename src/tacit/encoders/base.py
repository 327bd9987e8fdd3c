"""An encoder from elsewhere: what is known of it, and how it makes features."""

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.encoders.recipe import Recipe
from tacit.encoders.source import parse
from tacit.images.originals import Originals
from tacit.images.rows import RowsOf

VERSION = 1
"""Raised when the same encoder would give other features: older ones are then not used."""

Features = NDArray[np.floating[Any]] | RowsOf
Run = Callable[[NDArray[Any]], NDArray[np.float32]]
"""From a batch of inputs, as a recipe makes them, to features, (n, D)."""

UNKNOWN = "not stated"
GIVEN = "a row for each picture from a file"
"""How an encoder reads pictures that are features already."""


@dataclass(frozen=True)
class About:
    """What a report and a model card say of an encoder.

    Attributes:
        source: what the user said. name: short, for figures and columns.
        what: the architecture, or what kind of file it is.
        sha256: of the weights, the graph, or the features.
        n_features: the width of a code.
        licence, trained_on: as its makers state them; `UNKNOWN` where they do not.
        recipe: how it reads pictures; None where features were given.
        n_bytes: of the file of its weights; None where that is not known.
    """

    source: str
    name: str
    what: str
    sha256: str
    n_features: int
    licence: str = UNKNOWN
    trained_on: str = UNKNOWN
    recipe: Recipe | None = None
    n_bytes: int | None = None

    @property
    def key(self) -> str:
        """A hash of everything that its features depend on, and of no path."""
        recipe = None if self.recipe is None else self.recipe.plain()
        text = json.dumps([VERSION, self.what, self.sha256, self.n_features, recipe])
        return hashlib.sha256(text.encode()).hexdigest()

    def plain(self) -> dict[str, str | int]:
        """As data for who finds the encoder again: a file by its whole path."""
        source = parse(self.source)
        file = source.file
        return {
            "source": source.text if file is None else source.with_file(str(file.resolve())),
            "key": self.key,
            "name": self.name,
            "what": self.what,
            "sha256": self.sha256,
            "n_features": self.n_features,
            "licence": self.licence,
            "trained_on": self.trained_on,
            "reads": GIVEN if self.recipe is None else str(self.recipe),
        }

    @property
    def words(self) -> str:
        """In one sentence."""
        reads = f", reads {self.recipe}" if self.recipe else ""
        return (
            f"{self.what}, {self.n_features:,} features{reads}; licence: {self.licence}; "
            f"trained on: {self.trained_on}; SHA-256 {self.sha256[:16]}…"
        )


class Encoder(Protocol):
    """Something that gives each picture a code."""

    @property
    def about(self) -> About: ...
    @property
    def files(self) -> tuple[Path, ...]:
        """What was read: weights, or a graph and then what it keeps beside itself."""
        ...

    def features(
        self,
        originals: Originals,
        progress: Callable[[int, int], None] | None = None,
        nodes: "Nodes | None" = None,
    ) -> Features:
        """Codes of the pictures, in their order, (N, D); made where they are not there yet.

        nodes: who makes them in place of this machine's cores.
        """
        ...


class Engine(Protocol):
    """What runs a network: one or more threads call it at once."""

    @property
    def name(self) -> str: ...
    def __call__(self, inputs: NDArray[Any]) -> NDArray[np.float32]: ...


class Network(Encoder, Protocol):
    """An encoder that reads pictures."""

    def engine(self, name: str, inputs: NDArray[Any]) -> Engine:
        """The engine of that name; `inputs` are real ones, (n, C, H, W)."""
        ...


class Nodes(Protocol):
    """Other machines that make features."""

    def features(
        self, encoder: Network, engine: str, originals: Originals, shards: Sequence[Sequence[int]]
    ) -> Generator[NDArray[np.float32]]:
        """Features of each shard of the pictures, (n, D), in order.

        Raises:
            ImagesError, EncoderError: a picture cannot be read, or the encoder is not to be had.
        """
        ...
