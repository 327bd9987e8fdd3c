"""An encoder from elsewhere as a transformer: pictures in, features out."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tacit.encoders.base import About, Encoder
from tacit.encoders.opening import open_encoder
from tacit.encoders.source import parse
from tacit.errors import EncoderError
from tacit.images.originals import of_pictures
from tacit.training.devices import device_of


class PretrainedEncoder(TransformerMixin, BaseEstimator):
    """Features of pictures by an encoder that somebody has trained, as it is.

    X are pictures of any sizes, as they are: a list of paths, of Pillow's images or of arrays, or
    one array (n, h, w) or (n, h, w, c), uint8 or floats in [0, 1]. The encoder reads them by its
    own recipe. Features are kept in the cache, and made once.

    Args:
        source: "timm:NAME", "timm:NAME@FILE" or "onnx:FILE" (docs/encoders.md).
        device: where timm's networks run: "auto", "cpu" or "cuda".

    Attributes:
        about_: what is known of the encoder: its licence, its hash, how it reads pictures.
        n_features_out_: the width of a row of features.

    `fit` opens the encoder, and learns nothing. A pickle names it, and holds none of its weights:
    where it is opened again and would give other features than before, that is an error.
    """

    def __init__(self, source: str, *, device: str = "auto") -> None:
        self.source = source
        self.device = device

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Open the encoder; pictures are not looked at.

        Raises:
            EncoderError: it cannot be used; the message says why and what would work.
        """
        self._opened = _open(self.source, self.device)
        self.about_: About = self._opened.about
        self.n_features_out_ = self.about_.n_features
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Features, (n, n_features_out_).

        Raises:
            ImagesError: something is no picture, or the encoder is not what it was.
        """
        check_is_fitted(self, "about_")
        return np.asarray(self.opened.features(of_pictures(X)), np.float32)

    @property
    def opened(self) -> Encoder:
        """The encoder, opened again where that is needed."""
        found: Encoder | None = self.__dict__.get("_opened")
        if found is None:
            found = _open(self.source, self.device)
            if found.about.key != self.about_.key:
                raise EncoderError(
                    f"encoder '{self.source}' is not what it was: {found.about.words}, and it was "
                    f"{self.about_.words}"
                )
            self._opened = found
        return found

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the features: the encoder's name and a number."""
        check_is_fitted(self, "about_")
        names = [f"{self.about_.name}_{i}" for i in range(self.n_features_out_)]
        return np.array(names, dtype=object)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_opened"}


def _open(source: str, device: str) -> Encoder:
    if parse(source).kind == "features":
        raise EncoderError(
            f"encoder '{source}' holds features of some pictures; an estimator, which is asked "
            "about others, takes timm:NAME, timm:NAME@FILE or onnx:FILE. Features that there are "
            "already are an array for FewLabelClassifier and any other estimator"
        )
    return open_encoder(source, device_of(device))
