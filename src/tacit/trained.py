"""A trained model for one's own code: images in, NumPy arrays out."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tacit.evidence.estimate import LogProbEstimate
from tacit.evidence.importance import importance_sampling
from tacit.evidence.proposals import from_encoder
from tacit.evidence.refine import refine
from tacit.files import read_json
from tacit.models.models import VAE, Autoencoder, Classifier, Model
from tacit.streams import torch_stream
from tacit.studies.faults import nearest
from tacit.studies.work import read_images
from tacit.training.saved import SavedRun

BATCH = 500


class TrainedModel:
    """A model and what its images looked like.

    Images are taken as uint8 in 0 to 255 or as floats in [0, 1], shaped (N, H, W), (N, C, H, W) or
    (N, H, W, C); codes are float32, (N, n_code).

    Attributes:
        model: the PyTorch module, in evaluation mode.
        shape: channels, height and width of an image.
        class_names: of the labels that it learned from, if any.
    """

    def __init__(
        self, model: Model, shape: tuple[int, int, int], class_names: tuple[str, ...] = ()
    ) -> None:
        self.model = model
        self.shape = shape
        self.class_names = class_names

    def encode(self, images: ArrayLike | torch.Tensor) -> NDArray[np.float32]:
        """Codes of images; of a VAE the posterior's mean, the same at every call.

        A VAE without an encoder optimises the posterior of each image against its decoder.
        """
        x = self._tensor(images)
        if isinstance(self.model, VAE) and not self.model.amortized:
            mean = refine(self.model, x, start="prior", generator=torch_stream(0, "encode")).mean
            return np.asarray(mean, dtype=np.float32)
        return _in_batches(self.model.encode, x)

    def decode(self, codes: ArrayLike) -> NDArray[np.float32]:
        """Images in [0, 1], (N, C, H, W), of codes; of a VAE the mean of p(x | z).

        Raises:
            TypeError: if the model is a classifier.
        """
        z = torch.as_tensor(np.asarray(codes, dtype=np.float32))
        return _in_batches(self._generative().decode, z)

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
        return _in_batches(vae.decode, vae.draw_prior(n, torch_stream(seed, "sample")))

    def log_prob(
        self, images: ArrayLike | torch.Tensor, *, n_samples: int = 1000, seed: int = 0
    ) -> LogProbEstimate:
        """A lower bound of log p(x) of each image in nats, by importance sampling.

        Its standard errors, effective sample sizes and flags come with it.

        Raises:
            TypeError: if the model is no VAE.
        """
        vae = self._vae("evaluate log p(x) of")
        x = self._tensor(images)
        generator = torch_stream(seed, "log-prob")
        proposal = (
            from_encoder if vae.amortized else refine(vae, x, start="prior", generator=generator).q
        )
        return importance_sampling(vae, proposal, x, n_samples=n_samples, generator=generator)

    def predict_proba(self, images: ArrayLike | torch.Tensor) -> NDArray[np.float32]:
        """Class probabilities, (N, n_classes), in the order of `class_names`.

        Raises:
            TypeError: if the model is no classifier.
        """
        if not isinstance(self.model, Classifier):
            raise TypeError(f"a {type(self.model).__name__} does not predict; a classifier does")
        model = self.model
        return _in_batches(lambda x: model(x).softmax(dim=1), self._tensor(images))

    def predict(self, images: ArrayLike | torch.Tensor) -> NDArray[np.str_]:
        """The likeliest class of each image, by name."""
        return np.asarray(self.class_names)[self.predict_proba(images).argmax(axis=1)]

    def _generative(self) -> Autoencoder | VAE:
        if isinstance(self.model, Classifier):
            raise TypeError("a classifier has no decoder; autoencoders and VAEs have one")
        return self.model

    def _vae(self, what: str) -> VAE:
        if not isinstance(self.model, VAE):
            raise TypeError(f"a {type(self.model).__name__} has no p(x) to {what}; a VAE has one")
        return self.model

    def _tensor(self, images: ArrayLike | torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(as_pixels(images, self.shape))


def _in_batches(function: object, values: torch.Tensor) -> NDArray[np.float32]:
    assert callable(function)
    with torch.no_grad():
        parts = [function(part) for part in values.split(BATCH)]
    return torch.cat(parts).numpy() if parts else np.empty((0,), np.float32)


def as_pixels(images: ArrayLike | torch.Tensor, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Images of any accepted form as float32 in [0, 1], (N, C, H, W).

    Raises:
        ValueError: another size or number of channels, values outside the range, or NaN.
    """
    x = np.asarray(images)
    channels, height, width = shape
    if x.ndim == 3 and channels == 1:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1:] == (height, width, channels) != shape:
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1:] != shape:
        raise ValueError(
            f"images of shape {np.shape(images)}; the model takes (N, {channels}, {height}, "
            f"{width}), channels also last"
        )
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x, dtype=np.float32) / np.float32(255)
    x = np.ascontiguousarray(x, dtype=np.float32)
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        worst = "NaN" if np.isnan(x).any() else f"{x.min():g} to {x.max():g}"
        raise ValueError(f"pixels are {worst}; floats are in [0, 1], or uint8 in 0 to 255")
    return x


def load(
    folder: str | Path,
    run: str,
    *,
    seed: int | None = None,
    draw: int = 0,
    epoch: int | None = None,
) -> TrainedModel:
    """A finished run of a study.

    Args:
        folder: the study's folder, such as ``tacit-out/inference``.
        run: the run's name.
        seed: which repetition; the first by default.
        draw: which choice of few labels.
        epoch: the snapshot of that epoch; the final model by default.

    Raises:
        FileNotFoundError: if the folder holds no study, or the run is not finished.
        ValueError: if there is no such run, seed, draw or snapshot, with the choices.
    """
    folder = Path(folder)
    index = folder / "study.json"
    if not index.exists():
        raise FileNotFoundError(f"{folder} holds no study: {index.name} is missing")
    runs = read_json(index)["runs"]
    if run not in runs:
        raise ValueError(f"{folder} has no run '{run}'" + nearest(run, runs))
    seed = runs[run][0]["seed"] if seed is None else seed
    found = [job for job in runs[run] if (job["seed"], job["draw"]) == (seed, draw)]
    if not found:
        seeds, draws = ({job[key] for job in runs[run]} for key in ("seed", "draw"))
        raise ValueError(
            f"run '{run}' has no seed {seed} with draw {draw}; "
            f"seeds: {sorted(seeds)}, draws: {sorted(draws)}"
        )
    saved = SavedRun(folder / found[0]["folder"])
    if not (saved.folder / "done.json").exists():
        raise FileNotFoundError(f"run '{run}' is not finished; run the study again to go on")
    update = None
    if epoch is not None:
        if epoch not in saved.snapshots:
            raise ValueError(
                f"run '{run}' kept no snapshot of epoch {epoch}; it kept {sorted(saved.snapshots)}"
            )
        update = saved.snapshots[epoch]
    names = read_images(folder / "images").train.class_names
    return TrainedModel(saved.model(update), saved.config.shape, names)
