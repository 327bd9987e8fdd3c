"""Labels as scikit-learn's users bring them: of any type, some of them missing or misspelt."""

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tacit.images.classes import MISSING, look_alike, missing_in, quoted, visible

_LISTED = 5


def check_labels(y: Any, *, none_said: bool) -> Any:
    """y, where its labels are of one type; what looks misspelt in it is warned of.

    Args:
        y: of any kind, (n,) or (n, 1).
        none_said: whether missing labels mean that a row has none.

    Raises:
        ValueError: labels are missing. TypeError: some are text and some are numbers.
    """
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    array = np.asarray(y)
    if array.dtype.kind not in "OUT" or array.ndim not in (1, 2) or min(array.shape, default=0) < 1:
        return y
    flat = array.reshape(-1)
    gone = missing_in(flat)
    if gone.any() and not none_said:
        raise ValueError(
            f"y holds {int(gone.sum()):,} missing labels of {len(flat):,}; leave these rows out, "
            "or learn from the others and them by FewLabelClassifier"
        )
    known = flat[~gone]
    if none_said:
        known = known[known != ""]
    kinds = {isinstance(label, str): label for label in known.tolist()}
    if len(kinds) == 2 and not _means_none(known, none_said):
        text, number = kinds[True], kinds[False]
        raise TypeError(
            f"y holds labels of several types, such as {text!r} and {number!r}; give all of them "
            "as text, or all as numbers"
        )
    _warn_of_spellings(label for label in known.tolist() if isinstance(label, str))
    return y


def _means_none(known: NDArray[Any], none_said: bool) -> bool:
    """Whether all that is no text among labels is -1, for "no label"."""
    return none_said and all(isinstance(label, str) or label == -1 for label in known.tolist())


def _warn_of_spellings(labels: Iterable[str]) -> None:
    counts = Counter(labels)
    said = [
        " and ".join(f"{quoted(name)} ({counts[name]:,})" for name in group)
        for group in look_alike(counts)
    ]
    none = [f"{quoted(name)} ({n:,})" for name, n in counts.items() if visible(name) in MISSING]
    if said:
        warnings.warn(
            "labels in y that look like one class in several spellings, each of which is a class "
            f"of its own here: {'; '.join(said[:_LISTED])}{'; …' if len(said) > _LISTED else ''}",
            stacklevel=4,
        )
    if none:
        warnings.warn(
            "labels in y that look like none, each of which is a class of its own here: "
            f"{', '.join(none[:_LISTED])}",
            stacklevel=4,
        )
