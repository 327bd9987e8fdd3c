"""A classifier, with an encoder of its own or one that is given."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from tacit.estimators.base import NetworkEstimator
from tacit.estimators.holding import Holding, called
from tacit.estimators.labels import check_labels
from tacit.estimators.names import takes_former_names
from tacit.models import models
from tacit.models.config import ModelConfig
from tacit.models.models import Model
from tacit.models.parts import copy_part, freeze, part_of
from tacit.saved.about import classes_as_data
from tacit.saved.form import Form


class Classifier(Holding, ClassifierMixin, NetworkEstimator):
    """p(y | x) = softmax(head(encoder(x))), trained for the cross-entropy.

    X is an array (n, d), whose features are standardised and go through dense networks, or images
    (n, h, w) or (n, h, w, c), uint8 or floats in [0, 1], which go through convolutions.

    Args:
        encoder: an `Autoencoder`, `VAE` or `Classifier`, or a model that `tacit.load` gave:
            training starts from a copy of its encoder, with the width and network that it has.
            One that was fitted is taken as it is, and `sklearn.base.clone` keeps it, as does
            scikit-learn's `FrozenEstimator`; of one that was not, a clone is fitted to the rows
            first. Where a parameter of it is set (``encoder__max_epochs``, as a grid search does),
            it is fitted anew with that; the estimator that was given stays as it is.
        frozen: leave the given encoder as it is and learn the head alone.
        class_weight: "balanced", or a weight for each class, as in scikit-learn: what its rows'
            losses are multiplied by. None for 1.
        n_components: width of the code that the head reads.
        network: as in `tacit.estimators.autoencoder.Autoencoder`, and "pool".
        max_epochs, min_updates, batch_size, learning_rate, device, random_state, verbose: as there.

    Attributes:
        encoder_: what `encoder` came to: what was given, or its clone that was fitted here.
        classes_: the labels, in the order of `predict_proba`'s columns.
        model_: the PyTorch module, `tacit.models.models.Classifier`.
        form_: how rows become what it reads.
        history_: what was seen while it learned.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = Classifier(max_epochs=1, min_updates=50, learning_rate=0.01)
    >>> classifier.fit(X[:500], y[:500]).score(X[500:], y[500:])
    0.8...
    """

    held = "encoder"

    @takes_former_names
    def __init__(
        self,
        encoder: Any = None,
        *,
        frozen: bool = False,
        class_weight: Any = None,
        n_components: int = 16,
        network: Any = "auto",
        max_epochs: int = 30,
        min_updates: int = 400,
        batch_size: int = 100,
        learning_rate: float = 1e-3,
        device: str = "auto",
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.frozen = frozen
        self.class_weight = class_weight
        self.n_components = n_components
        self.network = network
        self.max_epochs = max_epochs
        self.min_updates = min_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from X and its labels.

        sample_weight: what each row's loss is multiplied by, (n,), beside `class_weight`; only
            their ratios count.
        """
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        y = check_labels(y, none_said=False)
        self.encoder_ = self._encoder_for(X, y)
        given = self._given()
        x, y = self._checked(X, y, reset=True)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            (only,) = classes.tolist()
            raise ValueError(f"y holds one class, {only!r}; a classifier tells at least 2 apart")
        form = self._form_of(x)
        latent_dim, network = self.n_components, None
        if given is not None:
            read, known, source = given
            if (read.layout == "values", read.shape) != (form.layout == "values", form.shape):
                raise ValueError(f"X is {form}; the encoder that was given reads {read}")
            if form.layout == "values":
                form = read
            latent_dim, network = known.latent_dim, known.network
        elif self.frozen:
            raise ValueError("frozen is True, but there is no encoder to be frozen; give one")
        config = self._configured(
            learn="classifier",
            shape=form.shape,
            latent_dim=latent_dim,
            n_classes=len(classes),
            network=self._network(form) if network is None else network,
        )

        def take(model: Model) -> None:
            if given is not None:
                target = part_of(model, "encoder")
                copy_part(source, target, "the encoder")
                if self.frozen:
                    freeze(target)

        plain, kind = classes_as_data(classes)
        self._learn(
            config,
            form,
            x,
            labels.astype(np.int64),
            weights=self._weights(sample_weight, x, y),
            prepare=take,
            classes=plain,
            class_kind=kind,
        )
        self.classes_ = classes
        return self

    def _weights(
        self, sample_weight: Any, x: NDArray[Any], y: NDArray[Any]
    ) -> NDArray[np.float64] | None:
        """A weight for each row; None where all are 1.

        Raises:
            ValueError: they are not one for each row, negative, not finite, or all zero.
        """
        if sample_weight is None and self.class_weight is None:
            return None
        flat = x.reshape(len(x), -1)
        weights = _check_sample_weight(
            sample_weight, flat, dtype=np.float64, ensure_non_negative=True
        )
        weights = weights * compute_sample_weight(self.class_weight, y)
        if not weights.any():
            raise ValueError("sample_weight and class_weight leave no row with a weight above 0")
        return weights

    def _given(self) -> tuple[Form, ModelConfig, Any] | None:
        """Form, configuration and encoder of what was given."""
        known = self.encoder_
        if known is None:
            return None
        if isinstance(known, NetworkEstimator):
            return known.form_, known.config_, part_of(known.model_, "encoder")
        return known.form, known.config, part_of(known.model, "encoder")

    def _encoder_for(self, x: Any, y: Any) -> Any:
        """The encoder that is given, or a clone of it, fitted to these rows.

        Raises:
            TypeError: it is no model.
            sklearn.exceptions.NotFittedError: a frozen one was never fitted.
        """
        given = self.encoder
        if isinstance(given, FrozenEstimator):
            given = given.estimator
            if isinstance(given, NetworkEstimator):
                check_is_fitted(given, "model_")
        if _unfitted(given):
            return clone(given).fit(x, y)
        is_model = all(hasattr(given, name) for name in ("form", "config", "model"))
        if given is None or isinstance(given, NetworkEstimator) or is_model:
            return given
        raise TypeError(
            f"encoder is {called(given)}; it is a tacit Autoencoder, VAE or Classifier, one of "
            "them in scikit-learn's FrozenEstimator, or what tacit.load gives"
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, (n, n_classes), in the order of `classes_`."""
        check_is_fitted(self, "model_")
        x = self._checked(X, reset=False)
        model = self._exact()
        assert isinstance(model, models.Classifier)
        return self._through(lambda part: model(part).softmax(dim=1), x)

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _become(self, saved: Any) -> None:
        super()._become(saved)
        self.classes_ = saved.about.class_array()


def _unfitted(encoder: Any) -> bool:
    """Whether an encoder is an estimator that has learned nothing yet."""
    return isinstance(encoder, NetworkEstimator) and not hasattr(encoder, "model_")
