"""Methods of using few labels, by name. A new one is a file here, and its line in `METHODS`."""

from typing import TYPE_CHECKING, Literal

from tacit.labels.methods.agree_then_train import AGREE_THEN_TRAIN
from tacit.labels.methods.all_labels import ALL_LABELS
from tacit.labels.methods.base import Answered, Method, Problem
from tacit.labels.methods.logistic import LOGISTIC
from tacit.labels.methods.nearest import NEAREST
from tacit.labels.methods.network import FINE_TUNE, SCRATCH, SCRATCH_AUGMENTED
from tacit.labels.methods.propagate_then_head import POISSON_THEN_HEAD, PROPAGATE_THEN_HEAD
from tacit.labels.methods.propagate_then_train import (
    LAPLACE_THEN_TRAIN,
    POISSON_THEN_TRAIN,
    PROPAGATE_THEN_TRAIN,
)
from tacit.labels.methods.propagation import LAPLACE, POISSON, POISSON_MBO

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        NEAREST,
        LOGISTIC,
        FINE_TUNE,
        SCRATCH,
        SCRATCH_AUGMENTED,
        LAPLACE,
        POISSON,
        POISSON_MBO,
        PROPAGATE_THEN_TRAIN,
        POISSON_THEN_TRAIN,
        LAPLACE_THEN_TRAIN,
        PROPAGATE_THEN_HEAD,
        POISSON_THEN_HEAD,
        AGREE_THEN_TRAIN,
        ALL_LABELS,
    )
}
"""All methods, by name."""

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]
"""A name of `METHODS`, as study files are read."""

__all__ = ["METHODS", "Answered", "Method", "MethodName", "Problem"]
