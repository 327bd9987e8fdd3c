"""A trained model for one's own code: images in, NumPy arrays out."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tacit import notebook
from tacit.encoders.base import Encoder
from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.methods import SAMPLES, score
from tacit.evidence.precision import log_prob_to_precision
from tacit.evidence.refine import refine
from tacit.images.originals import of_pictures
from tacit.images.values import as_array, unit_pixels
from tacit.models.config import ModelConfig
from tacit.models.models import VAE, Autoencoder, Classifier
from tacit.saved.elsewhere import opened
from tacit.saved.folder import Saved, is_model_folder, load_saved, save
from tacit.saved.form import Form
from tacit.saved.runs import INDEX, read_run, runs_of
from tacit.streams import torch_stream
from tacit.training.many import of_rows


class TrainedModel:
    """A model and what its images looked like.

    Images are taken as uint8 in 0 to 255, as floats in [0, 1], or as `tacit.images.values.range_of`
    says of other types, shaped (N, H, W), (N, C, H, W) or (N, H, W, C); codes are float32,
    (N, latent_dim).

    Attributes:
        model: the PyTorch module, in evaluation mode.
        shape: channels, height and width of an image.
        class_names: of the labels that it learned from, if any.
        about: what it learned from, how, and how it measured.
    """

    def __init__(self, saved: Saved, encoder: str | None = None) -> None:
        if saved.form.layout == "values":
            name = saved.about.estimator.name if saved.about.estimator else "VAE"
            raise TypeError(
                f"this model reads rows of {saved.form.shape[2]} values and no images; "
                f"open it with tacit.{name}.from_pretrained"
            )
        self.model = saved.model
        self.about = saved.about
        self._saved, self._source = saved, encoder
        self.form = Form("nchw", saved.form.shape)
        self.shape = saved.form.shape
        self.class_names = tuple(str(name) for name in saved.about.classes)

    @property
    def config(self) -> ModelConfig:
        """Which model it is, apart from its weights."""
        return self.about.model

    def save(self, folder: str | Path) -> None:
        """Write ``model.safetensors``, ``config.json`` and a model card, README.md.

        Raises:
            ValueError: the folder holds other things.
        """
        save(folder, replace(self._saved, model=self.model, form=self.form, about=self.about))

    save_pretrained = save

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "TrainedModel":
        """The model that `save` wrote; `tacit.load` does the same."""
        return cls(load_saved(folder))

    @property
    def reads_originals(self) -> bool:
        """Whether an encoder from elsewhere reads its pictures, as they are, by its own recipe."""
        return self.about.encoder is not None

    @cached_property
    def elsewhere(self) -> Encoder:
        """The encoder from elsewhere whose features the model reads.

        Raises:
            TypeError: it has an encoder of its own.
            EncoderError: what is there is not what the model learned from.
        """
        if self.about.encoder is None:
            raise TypeError("this model has an encoder of its own")
        return opened(self.about.encoder, self._saved.encoder, self._source)

    def features(
        self, pictures: Any, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """What its encoder from elsewhere makes of pictures, (N, D).

        They are kept, and made once (`tacit.encoders.store`).

        Args:
            pictures: paths, opened images or arrays of any sizes
                (`tacit.images.originals.of_pictures`).
            progress: called with (done, total) pictures that are encoded.

        Raises:
            ImagesError: a picture cannot be read, or the encoder is not what it was.
        """
        return np.asarray(self.elsewhere.features(of_pictures(pictures), progress), np.float32)

    def encode(self, images: ArrayLike | torch.Tensor) -> NDArray[np.float32]:
        """Codes of images; of a VAE the posterior's mean, the same at every call.

        A VAE without an encoder optimises the posterior of each image against its decoder. Of an
        encoder from elsewhere they are its features; it takes pictures of any sizes (`features`).
        """
        if self.reads_originals:
            return self.features(images)
        x = torch.from_numpy(self.pixels(images))
        if isinstance(self.model, VAE) and not self.model.amortized:
            mean = refine(self.model, x, start="prior", generator=torch_stream(0, "encode")).mean
            return np.asarray(mean, dtype=np.float32)
        return of_rows(self.model.encode, x).numpy()

    def decode(self, codes: ArrayLike) -> NDArray[np.float32]:
        """Images in [0, 1], (N, C, H, W), of codes; of a VAE the mean of p(x | z).

        Raises:
            TypeError: if the model is neither an autoencoder nor a VAE.
        """
        z = torch.as_tensor(np.asarray(codes, dtype=np.float32))
        return of_rows(self._generative().decode, z).numpy()

    def reconstruct(self, images: ArrayLike | torch.Tensor) -> NDArray[np.float32]:
        """``decode(encode(images))``."""
        self._generative()
        return self.decode(self.encode(images))

    def sample(self, n: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Decoded means of `n` draws from the prior N(0, I), (n, C, H, W).

        Raises:
            TypeError: if the model is no VAE.
        """
        if n < 1:
            raise ValueError(f"n is {n}; at least one image can be sampled")
        vae = self._vae("sample from")
        return of_rows(vae.decode, vae.draw_prior(n, torch_stream(seed, "sample"))).numpy()

    def log_prob(
        self,
        images: ArrayLike | torch.Tensor,
        *,
        n_samples: int | None = None,
        precision: float | None = None,
        seed: int = 0,
    ) -> LogProbEstimate:
        """A lower bound of log p(x) of each image in nats, by importance sampling.

        Its standard errors, effective sample sizes and flags come with it. Copies have one value.

        Args:
            n_samples: per image, 1,000 unless given.
            precision: nats; dearer methods then take their turn, image by image, until a value is
                known to ± this (`tacit.evidence.precision.log_prob_to_precision`), of which
                importance sampling takes `n_samples`.

        Raises:
            TypeError: if the model is no VAE.
            ValueError: if a number is none that can be used.
        """
        vae = self._vae("evaluate log p(x) of")
        x = torch.from_numpy(self.pixels(images))
        generator = torch_stream(seed, "log-prob")
        if precision is not None:
            return log_prob_to_precision(
                vae,
                x,
                precision=precision,
                n_samples=SAMPLES if n_samples is None else n_samples,
                generator=generator,
            )
        return score(vae, x, n_samples=n_samples, generator=generator)

    def predict_proba(self, images: ArrayLike | torch.Tensor) -> NDArray[np.float32]:
        """Class probabilities, (N, n_classes), in the order of `class_names`.

        Raises:
            TypeError: if the model is no classifier.
        """
        model = self._classifier()
        if self.reads_originals:
            return self.probabilities_of(self.features(images))
        x = torch.from_numpy(self.pixels(images))
        return of_rows(lambda part: model(part).softmax(dim=1), x).numpy()

    def probabilities_of(self, codes: ArrayLike) -> NDArray[np.float32]:
        """Class probabilities, (N, n_classes), of codes, (N, D), as `encode` gives them.

        Raises:
            TypeError: if the model is no classifier.
        """
        head, z = self._classifier().head, torch.as_tensor(np.asarray(codes, np.float32))
        return of_rows(lambda part: head(part).softmax(dim=1), z).numpy()

    def predict(self, images: ArrayLike | torch.Tensor) -> NDArray[np.str_]:
        """The likeliest class of each image, by name."""
        return np.asarray(self.class_names)[self.predict_proba(images).argmax(axis=1)]

    def pixels(self, images: ArrayLike | torch.Tensor) -> NDArray[np.float32]:
        """Images of any accepted form as the network reads them: see `as_pixels`."""
        return as_pixels(images, self.shape)

    def _repr_html_(self) -> str:
        channels, height, width = self.shape
        data, n_weights = self.about.data, sum(p.numel() for p in self.model.parameters())
        known = [
            ("images", f"{height}×{width}, {channels} channel{'s' if channels > 1 else ''}"),
            ("latent dimensions", self.config.latent_dim),
            ("weights", f"{n_weights:,}"),
            ("learned from", f"{data.n:,} images: {data.source}"),
            ("classes", ", ".join(self.class_names)),
            *((m.term + f" ({m.split})", f"{m.value:.4g}") for m in self.about.measured),
        ]
        title = f"TrainedModel: {type(self.model).__name__}"
        return notebook.facts(title, [(name, value) for name, value in known if value != ""])

    def _generative(self) -> Autoencoder | VAE:
        if not isinstance(self.model, Autoencoder | VAE):
            what = self.config.learn
            raise TypeError(f"a {what} model has no decoder; autoencoders and VAEs have one")
        return self.model

    def _classifier(self) -> Classifier:
        if not isinstance(self.model, Classifier):
            raise TypeError(f"{type(self.model).__name__} does not predict; a classifier does")
        return self.model

    def _vae(self, what: str) -> VAE:
        if not isinstance(self.model, VAE):
            raise TypeError(f"{type(self.model).__name__} has no p(x) to {what}; a VAE has one")
        return self.model


def as_pixels(images: ArrayLike | torch.Tensor, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Images of any accepted form as float32 in [0, 1], (N, C, H, W).

    Raises:
        ValueError: another size or number of channels, values outside the range, or NaN.
    """
    x = as_array(images, "images")
    channels, height, width = shape
    if x.ndim == 3 and channels == 1:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1:] == (height, width, channels) != shape:
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1:] != shape:
        raise ValueError(
            f"images of shape {x.shape}; the model takes (N, {channels}, {height}, "
            f"{width}), channels also last"
        )
    x = unit_pixels(x, "images")
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x, dtype=np.float32) / np.float32(255)
    return np.ascontiguousarray(x, dtype=np.float32)


def load(
    folder: str | Path,
    run: str | None = None,
    *,
    seed: int | None = None,
    draw: int = 0,
    epoch: int | None = None,
    encoder: str | None = None,
) -> TrainedModel:
    """A saved model, or a finished run of a study.

    Args:
        folder: of a saved model, or a study's, such as ``tacit-out/inference``.
        run: the run's name, in a study.
        seed: which repetition; the first by default.
        draw: which choice of few labels.
        epoch: the snapshot of that epoch; the final model by default.
        encoder: of a model that reads features of an encoder from elsewhere, what names it here
            (`tacit.encoders.source`), where it does not lie any more where it did.

    Raises:
        FileNotFoundError: if the folder holds no study, or the run is not finished.
        ValueError: if there is no such run, seed, draw or snapshot, with the choices; or a file is
            no model, a damaged one (`tacit.files.Damaged`), or one of a later version.
    """
    return TrainedModel(saved_in(folder, run, seed=seed, draw=draw, epoch=epoch), encoder)


def saved_in(
    folder: str | Path,
    run: str | None = None,
    *,
    seed: int | None = None,
    draw: int = 0,
    epoch: int | None = None,
) -> Saved:
    """What `load` opens, also where it reads rows of values; arguments and errors as there."""
    folder = Path(folder)
    if run is not None and not is_model_folder(folder):
        return read_run(folder, run, seed=seed, draw=draw, epoch=epoch)
    if run is None and (folder / INDEX).is_file():
        beside = folder / "model"  # the classifier that `tacit learn` leaves
        raise ValueError(
            f"{folder} holds a study; say which run: {', '.join(runs_of(folder))}"
            + (f"; or name {beside}, a saved model" if is_model_folder(beside) else "")
        )
    if run is not None or seed is not None or draw or epoch is not None:
        raise ValueError(f"{folder} holds one saved model; run, seed, draw and epoch are a study's")
    return load_saved(folder)
