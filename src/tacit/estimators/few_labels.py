"""A classifier from a few labels and many rows without, in scikit-learn's convention."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from tacit.estimators.base import NetworkEstimator, RowsEstimator, seed_of
from tacit.estimators.holding import Holding
from tacit.estimators.labels import check_labels
from tacit.estimators.pretrained import PretrainedEncoder
from tacit.estimators.rows import Rows
from tacit.images.classes import missing_in
from tacit.images.dataset import UNLABELLED
from tacit.images.originals import Originals, of_pictures
from tacit.labels.cross_validation import held_out_trials, turns_for
from tacit.labels.draws import Labelled
from tacit.labels.methods import METHODS, Problem
from tacit.labels.networks import class_probabilities
from tacit.labels.pairs import Pair
from tacit.labels.representations import Represented, fitted_components
from tacit.measures.number import Number, undefined
from tacit.models.models import Classifier
from tacit.questions.base import Measurement
from tacit.questions.labels_within.numbers import Judged
from tacit.questions.labels_within.question import LABELS_SEED
from tacit.saved.form import Form
from tacit.saved.trained import TrainedModel

AUTO_OF_IMAGES, AUTO_OF_ROWS = ("pca",), ("features", "standardized")
NAMED = {"images": ("pixels", "pca"), "rows": ("features", "standardized", "pca")}
"""Representations that have a name."""

AUTO_METHODS_OF_FEATURES = ("propagate-then-head", "poisson-then-head", "logistic")
"""The same on features of an encoder from elsewhere, where heads do best."""

AUTO_METHODS = ("poisson-mbo", "poisson", "poisson-then-head", "logistic")
"""What "auto" tries. Of those that the labels cannot tell apart the first is taken."""

METHODS_OF_ROWS = tuple(
    name for name, each in METHODS.items() if each.reads == "codes" and each.recipe is None
)
METHODS_OF_IMAGES = tuple(
    name for name, each in METHODS.items() if each.reads in ("codes", "images") and not each.oracle
)


class FewLabelClassifier(Holding, ClassifierMixin, RowsEstimator):
    """Learns from all rows of X and the few labels that y has, and chooses how by these labels.

    Every representation is tried with every method on the labels, some of each class held out in
    turn. The pair that tells them best is used, or an earlier one in the list that is no more than
    a standard error of the difference behind. Then all labels are learned from. Class shares, where
    a method takes them, are estimated on the graph.

    X is an array (n, d), or images (n, h, w) or (n, h, w, c), uint8 or floats in [0, 1]. With
    `encoder` X are pictures of any sizes: a list of paths, of Pillow's images or of arrays, or one
    array of images.

    Args:
        representation: what the methods see. "pixels" or "features": the values as they are;
            "standardized": each feature with mean 0 and variance 1; "pca": the first 50 principal
            components. Or a transformer, such as `tacit.VAE()`, a clone of which learns from X
            without labels; a tacit estimator that was fitted, scikit-learn's `FrozenEstimator` and
            what `tacit.load` gives are taken as they are. Or a list of these, to choose from.
            "auto" is "pca" of images, "features" and "standardized" of rows, and with `encoder` its
            features.
        method: a name of `tacit.labels.methods.METHODS` or a list of names; "auto" tries
            "poisson-mbo", "poisson", "poisson-then-head" and "logistic", or with `encoder`
            "propagate-then-head", "poisson-then-head" and "logistic". Methods that train a network
            are for images.
        encoder: from elsewhere, which stays as it is and gives the representation: what names it
            ("timm:resnet18", "onnx:FILE"), a `PretrainedEncoder`, or a list of these, to choose
            from.
        random_state: of what is random; None for new ones at every fit.

    Attributes:
        classes_: the labels, in the order of `predict_proba`'s columns.
        transduction_: the class of each row of X, (n,); given labels as they were given.
        representation_, method_: the names of what was chosen.
        accuracy_: cross-validated accuracy with its interval, a `tacit.measures.number.Number`: the
            choice is made anew without the labels held out, and judged by them. Undefined where no
            class has two labels.
        cv_results_: for each pair its ``representation``, ``method``, cross-validated accuracy
            ``mean_test_score`` and its 95 % interval's ends ``low`` and ``high``.
        temperature_: what scores are divided by to be probabilities, beside a share of answers that
            tell nothing, both fitted to the labels held out; None where none could be, and
            probabilities mean little then.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> few = np.where(np.arange(len(y)) < 30, y, -1)
    >>> model = FewLabelClassifier(representation="pca", method="poisson-mbo").fit(X, few)
    >>> bool((model.transduction_[30:] == y[30:]).mean() > 0.9)
    True
    """

    held = "representation"

    def __init__(
        self,
        representation: Any = "auto",
        method: Any = "auto",
        *,
        encoder: Any = None,
        random_state: Any = 0,
    ) -> None:
        self.representation = representation
        self.method = method
        self.encoder = encoder
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X and the labels in y, (n,); -1 (or None, or NaN) stands where a row has none.

        In an array of text -1 is "-1", as NumPy writes it, and "" says the same.

        Raises:
            ValueError: labels of fewer than two classes, or parameters that cannot be.
        """
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        x: Any = of_pictures(X) if self._reads_pictures else self._checked(X, reset=True)
        check_consistent_length(x, y)
        self.classes_, labelled = _read(y)
        if not self._reads_pictures:
            self.form_ = self._form_of(x)
        names = self._methods()
        seed = seed_of(self.random_state)
        self._fitted = self._representations(x, seed)
        pairs, problems = [], {}
        for name, (_, codes) in self._fitted.items():
            rows = self._rows(x, codes)
            for method in names:
                takes = METHODS[method].takes_shares
                own = "pixels" if METHODS[method].reads == "images" else name
                pair = Pair(codes=own, method=method, shares="estimated" if takes else None)
                if pair not in pairs:
                    pairs.append(pair)
                problems[name] = Problem(
                    rows, rows, Represented(codes, codes), len(self.classes_), seed=seed
                )
        pairs.sort(key=lambda pair: names.index(pair.method))
        judged, networks = _judged(pairs, problems, labelled, self.classes_)
        self._choose(judged, problems, networks)
        return self

    def _choose(
        self,
        judged: Judged,
        problems: Mapping[str, Problem],
        networks: Mapping[str, Classifier | None],
    ) -> None:
        """Take up what the labels speak for."""
        winner, choice = judged.winner, judged.choice
        self._pair, self._labelled = winner, judged.labelled
        self._problem = _of(winner, problems).settled()
        self._network = networks[winner.name]
        self.representation_, self.method_ = winner.codes, winner.method
        self._temperature = judged.temperature
        self.temperature_ = judged.temperature.value
        found = judged.scores(winner, "all").argmax(axis=1)
        found[judged.labelled.index] = judged.labelled.y
        self.transduction_ = self.classes_[found]
        nothing = undefined("no class has two labels, one of which could be held out")
        self.accuracy_: Number = nothing if choice is None else choice.honest
        scores = [nothing if choice is None else choice.accuracy(p.name) for p in judged.pairs]
        values = np.array([[s.value, s.low, s.high] for s in scores], np.float64)
        self.cv_results_ = {
            "representation": [pair.codes for pair in judged.pairs],
            "method": [pair.method for pair in judged.pairs],
            "mean_test_score": values[:, 0],
            "low": values[:, 1],
            "high": values[:, 2],
        }

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, (n, n_classes), in the order of `classes_`.

        Graphs answer for rows outside them by their nearest rows inside; what else was learned
        answers by itself. A row's result does not depend on the others.
        """
        check_is_fitted(self, "transduction_")
        x: Any = of_pictures(X) if self._reads_pictures else self._checked(X, reset=False)
        method = self._pair.using
        if self._network is not None:
            scores = class_probabilities(self._network, self._rows(x))
        else:
            codes = self._codes(self._transformer, x)
            # A copy keeps the graph, which is of the rows that were learned from.
            problem = copy.copy(self._problem)
            problem.new = self._rows(x, codes)
            problem.seen = Represented(problem.seen.pool, codes)
            (answered,) = method.answers(problem, [self._labelled], [0])
            scores = answered.new
        return self._temperature.probabilities(method.logits(scores))

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy on the rows that y labels; so it is in scikit-learn's `cross_val_score` too.

        Raises:
            ValueError: y labels none.
        """
        y = column_or_1d(check_labels(y, none_said=True))
        check_consistent_length(X, y, sample_weight)
        known = ~_unlabelled(y)
        if not known.any():
            raise ValueError("y holds no label (-1 stands for none), so that nothing can be judged")
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(accuracy_score(y[known], self.predict(X)[known], sample_weight=weight))

    @property
    def _reads_pictures(self) -> bool:
        """Whether an encoder from elsewhere reads pictures as they are."""
        return self.encoder is not None

    @property
    def _of_images(self) -> bool:
        """Whether methods may look at images themselves."""
        return not self._reads_pictures and self.form_.layout != "values"

    def _rows(self, x: Any, codes: NDArray[np.float32] | None = None) -> Rows:
        """Rows as methods look at them: of pictures their codes alone."""
        if not self._reads_pictures:
            return Rows(x, self.form_)
        assert codes is not None
        return Rows(codes, Form.of_values(codes))

    @property
    def _transformer(self) -> Any:
        return self._fitted[self._pair.codes][0]

    def _methods(self) -> list[str]:
        """The names of the methods to try, the one to prefer among equals first.

        Raises:
            ValueError: one is no method, or none for such rows.
        """
        tried = AUTO_METHODS_OF_FEATURES if self._reads_pictures else AUTO_METHODS
        given = tried if _is_auto(self.method) else self.method
        names = list(dict.fromkeys([given] if isinstance(given, str) else given))
        images = self._of_images
        able = METHODS_OF_IMAGES if images else METHODS_OF_ROWS
        for name in names:
            if name not in able:
                kind = "images" if images else "rows of values"
                kind = "features" if self._reads_pictures else kind
                raise ValueError(f"method is {name!r}; for {kind} it is auto or {', '.join(able)}")
        if not names:
            raise ValueError(f"method is {self.method!r}; give at least one, or auto")
        return names

    def _representations(self, x: Any, seed: int) -> dict[str, tuple[Any, NDArray[np.float32]]]:
        """For each representation to try, by name, its fitted transformer and the codes of x."""
        if self._reads_pictures:
            return self._encoded(x)
        images = self.form_.layout != "values"
        given = self.representation
        if _is_auto(given):
            given = AUTO_OF_IMAGES if images else AUTO_OF_ROWS
        each = [given] if isinstance(given, str) or not isinstance(given, Iterable) else given
        found: dict[str, tuple[Any, NDArray[np.float32]]] = {}
        for one in each:
            if isinstance(one, str):
                names = NAMED["images" if images else "rows"]
                if one not in names:
                    kind = "images" if images else "rows of values"
                    raise ValueError(
                        f"representation is {one!r}; for {kind} it is auto, {', '.join(names)}, "
                        "or a transformer"
                    )
                found[one] = self._named(one, x, seed)
            else:
                made = self._made(one, x)
                found[_free(_name_of(made), found)] = (made, self._codes(made, x))
        if not found:
            raise ValueError(f"representation is {given!r}; give at least one, or auto")
        return found

    def _encoded(self, pictures: Originals) -> dict[str, tuple[Any, NDArray[np.float32]]]:
        """The same where encoders from elsewhere are given."""
        if not _is_auto(self.representation):
            raise ValueError(
                f"representation is {self.representation!r}, and encoder gives it already; give "
                "one of them"
            )
        given = self.encoder
        each = [given] if isinstance(given, str | PretrainedEncoder) else list(given)
        found: dict[str, tuple[Any, NDArray[np.float32]]] = {}
        for one in each:
            if not isinstance(one, str | PretrainedEncoder):
                raise TypeError(
                    f"encoder is a {type(one).__name__}; it is what names an encoder from "
                    "elsewhere, such as 'timm:resnet18', or a PretrainedEncoder"
                )
            made = (PretrainedEncoder(one) if isinstance(one, str) else clone(one)).fit()
            found[_free(made.about_.name, found)] = (made, made.transform(pictures))
        if not found:
            raise ValueError("encoder is an empty list; give at least one, or None")
        return found

    def _named(self, name: str, x: NDArray[Any], seed: int) -> tuple[Any, NDArray[np.float32]]:
        flat = self._flat(x)
        if name == "pca":
            return fitted_components(flat, seed)
        made = StandardScaler() if name == "standardized" else FunctionTransformer()
        return made, np.asarray(made.fit_transform(flat), np.float32)

    def _made(self, given: Any, x: NDArray[Any]) -> Any:
        """A transformer that is ready: the one given, or a clone of it that learned from x."""
        ready = isinstance(given, FrozenEstimator | TrainedModel) or hasattr(given, "model_")
        if ready:
            return given
        if not isinstance(given, BaseEstimator) or not hasattr(given, "transform"):
            raise TypeError(
                f"representation is a {type(given).__name__}; it is a name, a transformer, "
                "or what tacit.load gives"
            )
        return clone(given).fit(self._read_by(given, x))

    def _codes(self, made: Any, x: Any) -> NDArray[np.float32]:
        if isinstance(made, TrainedModel):
            return made.encode(x)
        if isinstance(made, PretrainedEncoder):
            return made.transform(x)
        return np.asarray(made.transform(self._read_by(made, x)), np.float32)

    def _read_by(self, made: Any, x: NDArray[Any]) -> NDArray[Any]:
        """Rows as a transformer takes them: images are for tacit's own, values for all others."""
        own = made.estimator if isinstance(made, FrozenEstimator) else made
        return x if isinstance(own, NetworkEstimator) else self._flat(x)

    def _flat(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Rows of values as they are; images as values in [0, 1], (n, d)."""
        if self.form_.layout != "values":
            x = self.form_.to_network(x, np.float32)
        return np.asarray(x.reshape(len(x), -1), np.float32)


def _is_auto(given: Any) -> bool:
    return isinstance(given, str) and given == "auto"


def _name_of(made: Any) -> str:
    own = made.estimator if isinstance(made, FrozenEstimator) else made
    return type(own.model if isinstance(own, TrainedModel) else own).__name__


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number where it is taken."""
    return next(n for i in count(1) if (n := name if i == 1 else f"{name}-{i}") not in taken)


def _read(y: Any) -> tuple[NDArray[Any], Labelled]:
    """The classes, and the rows that have a label with their class numbers.

    Raises:
        ValueError: y is no vector of classes, or has labels of fewer than two.
    """
    y = column_or_1d(check_labels(y, none_said=True), warn=True)
    gone = _unlabelled(y)
    if y.dtype.kind == "f":
        assert_all_finite(y[~gone], input_name="y")
    rows = np.flatnonzero(~gone)
    known = np.array(y[rows].tolist()) if y.dtype.kind == "O" else y[rows]
    check_classification_targets(known)
    classes, numbers = np.unique(known, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y holds labels of {len(classes)} class{'es' if not len(classes) else ''} "
            f"(-1 stands for none); a classifier tells at least 2 classes apart"
        )
    return classes, Labelled(rows.astype(np.int64), numbers.astype(np.int64))


def _unlabelled(y: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the labels, (n,), say that there is none."""
    gone = missing_in(y)
    if y.dtype.kind in "OUS":
        gone |= np.isin(y.astype(str), (str(UNLABELLED), ""))
    elif y.dtype.kind != "M":
        gone |= y == UNLABELLED
    return gone


def _of(pair: Pair, problems: Mapping[str, Problem]) -> Problem:
    """What the pair's method may know; one that reads images alone looks at no codes."""
    problem = problems.get(pair.codes) or next(iter(problems.values()))
    found = copy.copy(problem)
    found.slack, found.recipe = pair.allowed_slack, pair.trained_by()
    return found


def _judged(
    pairs: Sequence[Pair],
    problems: Mapping[str, Problem],
    labelled: Labelled,
    classes: NDArray[Any],
) -> tuple[Judged, dict[str, Classifier | None]]:
    """Every pair on all labels, and on those that are left where some are held out in turn."""
    trials = held_out_trials(labelled, turns_for(labelled.y), seed=LABELS_SEED)
    learned = [labelled, *(trial.learned for trial in trials)]
    measured, networks = Measurement(), {}
    for pair in pairs:
        problem = _of(pair, problems)
        held = [np.empty((0, len(classes)), np.float32)]
        for answered in pair.using.answers(problem, learned, range(len(learned))):
            scores = pair.using.logits(answered.new)
            if answered.trial == 0:
                measured.arrays[f"{pair.name}/all"] = scores
                networks[pair.name] = answered.model
            else:
                held.append(scores[labelled.index[trials[answered.trial - 1].held]])
        measured.arrays[f"{pair.name}/held-out"] = np.concatenate(held)
    names = tuple(str(label) for label in classes)
    return Judged(measured, pairs, pairs, labelled, trials, names), networks
