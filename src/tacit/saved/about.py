"""What is known of a trained model beside its weights, as plain data that is checked."""

import hashlib
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tacit.models.config import ModelConfig, Table
from tacit.saved.form import Form, Layout
from tacit.training.history import History

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ClassKind = Literal["text", "int64", "float64", "bool"]
_DTYPES: dict[str, type] = {"int64": np.int64, "float64": np.float64, "bool": np.bool_}


class Data(Table):
    """What a model learned from."""

    source: str
    n: Annotated[int, Field(ge=1)]
    sha256: Sha256


class Measured(Table):
    """A number over `n` images or rows of a split, with its standard error."""

    split: Literal["train", "test"]
    term: str
    value: float
    standard_error: float
    n: int


class Estimator(Table):
    """The scikit-learn estimator that a model came from, and its parameters."""

    name: Literal["Autoencoder", "VAE", "Classifier"]
    parameters: dict[str, Any]


class Elsewhere(Table):
    """The encoder from elsewhere whose features a model reads.

    Attributes:
        source: what names it (`tacit.encoders.source`), a file by its whole path, or by its name
            where it is included.
        included: the names of its files in the model's folder; empty where it is referred to.
        key: a hash of all that its features depend on (`tacit.encoders.base.About.key`).
        name, what, sha256, n_features, licence, trained_on: as of `tacit.encoders.base.About`.
        reads: how it reads pictures, in words.
    """

    source: str
    included: tuple[Annotated[str, Field(pattern=r"^[^/\\]+$")], ...] = ()
    key: Sha256
    name: str
    what: str
    sha256: Sha256
    n_features: Annotated[int, Field(ge=1)]
    licence: str
    trained_on: str
    reads: str

    @property
    def words(self) -> str:
        """In one sentence."""
        return (
            f"{self.name} ({self.what}), {self.n_features:,} features, reads {self.reads}; "
            f"licence: {self.licence}; trained on: {self.trained_on}; SHA-256 {self.sha256}"
        )


class About(Table):
    """A model but for its weights.

    Attributes:
        model: which model this is.
        layout: of the user's arrays (`tacit.saved.form.Form`).
        classes: the labels of the classes, in the order of the network's outputs.
        class_kind: their type.
        data: what it learned from.
        training: how: the objective, the number of updates, the seed.
        measured: how it did after its last update.
        estimator: where it was fitted as one.
        encoder: from elsewhere, whose features the model reads.
    """

    model: ModelConfig
    layout: Layout = "nchw"
    classes: tuple[int | float | bool | str, ...] = ()
    class_kind: ClassKind = "text"
    data: Data
    training: dict[str, int | float | str] = Field(default_factory=dict)
    measured: tuple[Measured, ...] = ()
    estimator: Estimator | None = None
    encoder: Elsewhere | None = None

    def class_array(self) -> NDArray[Any]:
        """The classes as an array of their own type."""
        if self.class_kind == "text":
            return np.array([str(name) for name in self.classes])
        return np.array(self.classes, dtype=_DTYPES[self.class_kind])


def classes_as_data(
    classes: NDArray[Any],
) -> tuple[tuple[int | float | bool | str, ...], ClassKind]:
    """Class labels as plain data, and their type."""
    kinds: dict[str, ClassKind] = {"i": "int64", "u": "int64", "f": "float64", "b": "bool"}
    kind = kinds.get(classes.dtype.kind)
    if kind is None:
        return tuple(str(label) for label in classes.tolist()), "text"
    return tuple(classes.tolist()), kind


def measured_at(history: History, update: int | None = None) -> tuple[Measured, ...]:
    """The terms of an evaluation, by default the last, on training and test images."""
    seen = [e for e in history.evaluations if update in (None, e.update)]
    if not seen:
        return ()
    splits: tuple[Literal["train", "test"], ...] = ("train", "test")
    return tuple(
        Measured(
            split=split,
            term=term,
            value=summary.mean,
            standard_error=summary.standard_error,
            n=summary.n,
        )
        for split in splits
        for term, summary in getattr(seen[-1], split).items()
    )


def array_sha256(form: Form, x: NDArray[Any], y: NDArray[Any] | None = None) -> str:
    """A hash of the rows of a user's array, and of their labels where it learned from those."""
    digest = hashlib.sha256(f"{form.layout} {x.dtype} {x.shape}".encode())
    for start in range(0, len(x), 4096):
        digest.update(np.ascontiguousarray(x[start : start + 4096]).data)
    if y is not None:
        digest.update(repr(y.tolist()).encode())
    return digest.hexdigest()
