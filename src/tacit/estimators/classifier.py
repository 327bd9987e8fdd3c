"""A classifier, with an encoder of its own or one that is given."""

import hashlib
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from tacit.encoders.base import Encoder
from tacit.encoders.laid import mean_and_scale
from tacit.estimators.base import NetworkEstimator
from tacit.estimators.holding import Holding, called
from tacit.estimators.labels import check_labels
from tacit.estimators.names import takes_former_names
from tacit.estimators.pretrained import PretrainedEncoder
from tacit.estimators.rows import Featured
from tacit.images.originals import of_pictures
from tacit.models import models
from tacit.models.config import ModelConfig
from tacit.models.models import Model
from tacit.models.parts import copy_part, freeze, part_of, read_features_as_given
from tacit.saved.about import Data, Elsewhere, classes_as_data
from tacit.saved.elsewhere import described, opened
from tacit.saved.form import Form
from tacit.training.devices import device_of


class Classifier(Holding, ClassifierMixin, NetworkEstimator):
    """p(y | x) = softmax(head(encoder(x))), trained for the cross-entropy.

    X is an array (n, d), whose features are standardised and go through dense networks, or images
    (n, h, w) or (n, h, w, c), uint8 or floats in [0, 1], which go through convolutions. With an
    encoder from elsewhere X are pictures of any sizes: a list of paths, of Pillow's images or of
    arrays, or one array of images.

    Args:
        encoder: an `Autoencoder`, `VAE` or `Classifier`, or a model that `tacit.load` gave:
            training starts from a copy of its encoder, with the width and network that it has.
            One that was fitted is taken as it is, and `sklearn.base.clone` keeps it, as does
            scikit-learn's `FrozenEstimator`; of one that was not, a clone is fitted to the rows
            first. Where a parameter of it is set (``encoder__max_epochs``, as a grid search does),
            it is fitted anew with that; the estimator that was given stays as it is.
            Or an encoder from elsewhere, by what names it ("timm:resnet18", "onnx:FILE"), or as a
            `PretrainedEncoder`: it stays as it is, whatever `frozen` says, and a head is learned on
            its features.
        frozen: leave the given encoder as it is and learn the head alone.
        class_weight: "balanced", or a weight for each class, as in scikit-learn: what its rows'
            losses are multiplied by. None for 1.
        n_components: width of the code that the head reads.
        network: as in `tacit.estimators.autoencoder.Autoencoder`, and "pool".
        max_epochs, min_updates, batch_size, learning_rate: as there.
        early_stopping, validation_fraction, n_iter_no_change: as there. Rows of every class are
            held out; weights of rows count in their loss too.
        device, random_state, verbose: as there.

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
    _elsewhere: Encoder | None = None

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
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
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
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
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
        if isinstance(self.encoder, str | PretrainedEncoder):
            return self._fit_on_features(X, y, sample_weight)
        self.encoder_ = self._encoder_for(X, y)
        given = self._given()
        x, y = self._checked(X, y, reset=True)
        check_classification_targets(y)
        classes, labels = self._classes_of(y)
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
            labels,
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

    def _fit_on_features(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Learn a head on features; the weights that are kept read them as the encoder gives them.

        While they are learned from they are less their mean, and divided by their root mean square.
        """
        given = self.encoder
        source, device = (
            (given, self.device) if isinstance(given, str) else (given.source, given.device)
        )
        self.encoder_ = PretrainedEncoder(source, device=device).fit()
        about = self.encoder_.about_
        assert about.recipe is not None
        pictures = of_pictures(X)
        y = column_or_1d(y, warn=True)
        check_consistent_length(pictures, y)
        check_classification_targets(y)
        classes, labels = self._classes_of(y)
        features = self.encoder_.transform(pictures)
        mean, scale = mean_and_scale(features)
        config = self._configured(
            learn="classifier",
            shape=(about.recipe.channels, *about.recipe.size),
            latent_dim=about.n_features,
            n_classes=len(classes),
            features=about.key,
        )
        plain, kind = classes_as_data(classes)
        contents = b"".join(pictures.content(i) for i in range(len(pictures)))
        self._train(
            config,
            Form("nchw", config.shape),
            Featured(about.key, (features - mean) / scale, labels),
            Data(
                source=f"{len(pictures):,} pictures",
                n=len(pictures),
                sha256=hashlib.sha256(contents + repr(y.tolist()).encode()).hexdigest(),
            ),
            weights=self._weights(sample_weight, features, y),
            classes=plain,
            class_kind=kind,
            encoder=described(self.encoder_.opened, include=False),
        )
        read_features_as_given(self.model_, mean, scale)
        self.classes_ = classes
        return self

    def _classes_of(self, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y holds one class, {classes.tolist()[0]!r}; a classifier tells at least 2 apart"
            )
        return classes, labels.astype(np.int64)

    def _features(self, X: Any) -> NDArray[np.float32]:
        """Of pictures, by the encoder from elsewhere that the head was learned on."""
        known = self.about_.encoder
        assert known is not None
        if self.__dict__.get("encoder_") is None:  # it was saved
            return np.asarray(self._opened(known).features(of_pictures(X)), np.float32)
        return self.encoder_.transform(X)

    def _opened(self, known: Elsewhere) -> Encoder:
        """The encoder of a classifier that was saved, opened once."""
        if self._elsewhere is None:
            included = getattr(self, "_included", None)
            self._elsewhere = opened(known, included, device=device_of(self.device))
        return self._elsewhere

    def __getstate__(self) -> dict[str, Any]:
        """A pickle names the encoder from elsewhere, and holds none of its weights."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_elsewhere"}

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
            "them in scikit-learn's FrozenEstimator, what tacit.load gives, or what names an "
            "encoder from elsewhere, such as 'timm:resnet18'"
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, (n, n_classes), in the order of `classes_`."""
        check_is_fitted(self, "model_")
        model = self._exact()
        assert isinstance(model, models.Classifier)
        if self.about_.encoder is not None:
            features = self._features(X).astype(np.float64)
            return self._through(lambda part: model.head(part).softmax(dim=1), features, codes=True)
        x = self._checked(X, reset=False)
        return self._through(lambda part: model(part).softmax(dim=1), x)

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _become(self, saved: Any) -> None:
        super()._become(saved)
        self._elsewhere = None
        self.classes_ = saved.about.class_array()


def _unfitted(encoder: Any) -> bool:
    """Whether an encoder is an estimator that has learned nothing yet."""
    return isinstance(encoder, NetworkEstimator) and not hasattr(encoder, "model_")
