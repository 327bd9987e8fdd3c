"""An autoencoder as a scikit-learn transformer."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tacit.estimators.base import NetworkEstimator, codes_of
from tacit.estimators.names import takes_former_names
from tacit.models import models
from tacit.models.config import GaussianTable


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):
    """x ≈ decoder(encoder(x)), trained for the squared error.

    X is an array (n, d), whose features are standardised and go through dense networks, or images
    (n, h, w) or (n, h, w, c), uint8 or floats in [0, 1], which go through convolutions.

    Args:
        n_components: width of the code.
        network: "auto", "conv", "dense", or a table as in a study, such as
            ``{"kind": "dense", "hidden": [64]}``.
        max_epochs: passes over the rows.
        min_updates: train for at least so many updates, however few rows there are.
        batch_size, learning_rate: of Adam.
        early_stopping: hold a share of the rows out, look at their loss after every pass (where
            passes are shorter than ``min_updates / max_epochs``, after so many updates), end after
            `n_iter_no_change` looks without a lower one, and keep the weights of the lowest. The
            share is `validation_fraction`.
        device: to train on: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:1". The
            fitted model is on the CPU, where it is asked in float64.
        random_state: of weights, order and noise; None for new ones at every fit.
        verbose: 1 prints the loss about ten times while it learns, 2 after every epoch.

    Attributes:
        model_: the PyTorch module, `tacit.models.models.Autoencoder`.
        form_: how rows become what it reads.
        history_: what was seen while it learned.
        n_iter_, validation_losses_: with `early_stopping`, the looks at rows held out and what
            they saw.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().images / 16
    >>> codes = Autoencoder(4, max_epochs=1, min_updates=1).fit_transform(X[:50])
    >>> codes.shape
    (50, 4)
    """

    @takes_former_names
    def __init__(
        self,
        n_components: int = 16,
        *,
        network: Any = "auto",
        max_epochs: int = 30,
        min_updates: int = 400,
        batch_size: int = 100,
        learning_rate: float = 1e-3,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        device: str = "auto",
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.network = network
        self.max_epochs = max_epochs
        self.min_updates = min_updates
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from X; `y` is ignored."""
        x = self._checked(X, reset=True)
        form = self._form_of(x)
        config = self._configured(
            learn="autoencoder",
            shape=form.shape,
            latent_dim=self.n_components,
            network=self._network(form),
            likelihood=GaussianTable(link="identity" if form.layout == "values" else "sigmoid"),
        )
        self._learn(config, form, x)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Codes, (n, n_components)."""
        check_is_fitted(self, "model_")
        return self._through(self._autoencoder().encode, self._checked(X, reset=False))

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Rows in the form of the training data, of codes, (n, n_components).

        Images come back as floats in [0, 1].
        """
        check_is_fitted(self, "model_")
        decoded = self._through(self._autoencoder().decode, codes_of(self, X), codes=True)
        return self.form_.from_network(decoded)

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the squared error of a row, summed over its values, in the mean over rows.

        In the values' own units squared; of images on [0, 1].
        """
        check_is_fitted(self, "model_")
        x = self._checked(X, reset=False)
        own = self.form_.from_network(self.form_.to_network(x, np.float64))
        error = np.square(self.inverse_transform(self.transform(X)) - own)
        return -float(error.reshape(len(x), -1).sum(axis=1).mean())

    def _autoencoder(self) -> models.Autoencoder:
        model = self._exact()
        assert isinstance(model, models.Autoencoder)
        return model

    @property
    def _n_features_out(self) -> int:
        return self.config_.latent_dim
