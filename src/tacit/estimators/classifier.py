"""A classifier, with an encoder of its own or one that is given."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from tacit.estimators.base import NetworkEstimator
from tacit.models import models
from tacit.models.config import ModelConfig
from tacit.models.models import Model
from tacit.models.parts import copy_part, freeze, part_of
from tacit.saved.about import classes_as_data
from tacit.saved.form import Form


class Classifier(ClassifierMixin, NetworkEstimator):
    """p(y | x) = softmax(head(encoder(x))), trained for the cross-entropy.

    X is an array (n, d), whose features are standardised and go through dense networks, or images
    (n, h, w) or (n, h, w, c), uint8 or floats in [0, 1], which go through convolutions.

    Args:
        encoder: a fitted `Autoencoder`, `VAE` or `Classifier`, or a model that `tacit.load` gave:
            training starts from a copy of its encoder, and `latent_dim` and `network` are its own.
            It is given, not learned here, so that `sklearn.base.clone` keeps it as it is.
        frozen: leave the given encoder as it is and learn the head alone.
        latent_dim: width of the code that the head reads.
        network: as in `tacit.estimators.autoencoder.Autoencoder`, and "pool".
        epochs, updates, batch_size, rate, device, random_state: as there.

    Attributes:
        classes_: the labels, in the order of `predict_proba`'s columns.
        model_: the PyTorch module, `tacit.models.models.Classifier`.
        form_: how rows become what it reads.
        history_: what was seen while it learned.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> Classifier(epochs=1, updates=50, rate=0.01).fit(X[:500], y[:500]).score(X[500:], y[500:])
    0.8...
    """

    def __init__(
        self,
        encoder: Any = None,
        *,
        frozen: bool = False,
        latent_dim: int = 16,
        network: Any = "auto",
        epochs: int = 30,
        updates: int = 400,
        batch_size: int = 100,
        rate: float = 1e-3,
        device: str = "auto",
        random_state: Any = 0,
    ) -> None:
        self.encoder = encoder
        self.frozen = frozen
        self.latent_dim = latent_dim
        self.network = network
        self.epochs = epochs
        self.updates = updates
        self.batch_size = batch_size
        self.rate = rate
        self.device = device
        self.random_state = random_state

    def __sklearn_clone__(self) -> Self:
        # A clone of the encoder would have forgotten what it learned.
        return super().__sklearn_clone__().set_params(encoder=self.encoder)

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X and its labels."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        given = self._given()
        x, y = self._checked(X, y, reset=True)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class, {classes[0]!r}; a classifier tells at least 2 classes apart"
            )
        form = self._form_of(x)
        latent_dim, network = self.latent_dim, None
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
            prepare=take,
            classes=plain,
            class_kind=kind,
        )
        self.classes_ = classes
        return self

    def _given(self) -> tuple[Form, ModelConfig, Any] | None:
        """Form, configuration and encoder of what was given."""
        if self.encoder is None:
            return None
        if isinstance(self.encoder, NetworkEstimator):
            check_is_fitted(self.encoder, "model_")
            form, config, model = self.encoder.form_, self.encoder.config_, self.encoder.model_
        else:
            form, config, model = self.encoder.form, self.encoder.config, self.encoder.model
        return form, config, part_of(model, "encoder")

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
