"""A VAE as a scikit-learn transformer and density."""

from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tacit.estimators.base import NetworkEstimator, codes_of, seed_of
from tacit.estimators.names import takes_former_names
from tacit.evidence.importance import importance_sampling
from tacit.evidence.observed import Observed, observe
from tacit.evidence.proposals import covering, from_encoder
from tacit.evidence.refine import refine
from tacit.models import models
from tacit.models.posteriors import DiagonalNormal
from tacit.streams import torch_stream
from tacit.training.many import in_parts
from tacit.training.objectives import ObjectiveTable

REFINED_AT_ONCE = 64
"""Rows whose posteriors are optimised together; always so many, so that arithmetic is the same."""


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, NetworkEstimator):
    """p(x, z) = N(z; 0, I) p(x | decoder(z)), and codes inferred by q(z | x).

    X is an array (n, d), whose features are standardised and go through dense networks, or images
    (n, h, w) or (n, h, w, c), uint8 or floats in [0, 1], which go through convolutions.

    Args:
        n_components: latent dimensions.
        posterior: "amortized", one encoder for all rows, or "per_image", the code of each row
            optimised by itself, when fitted and for new rows.
        likelihood: "gaussian", or "bernoulli" for images.
        sigma: the Gaussian's standard deviation, in standard deviations of a feature, of images on
            [0, 1]; None learns it.
        beta: the weight of the KL; 1 is the ELBO.
        importance_samples: for log p(x), per row.
        posterior_steps: of optimisation of a new row's posterior, where it is per image.
        network, max_epochs, min_updates, batch_size, learning_rate: as in
            `tacit.estimators.autoencoder.Autoencoder`.
        early_stopping, validation_fraction, n_iter_no_change: as there. With "per_image" no row can
            be held out.
        device, random_state, verbose: as there.

    Attributes:
        model_: the PyTorch module, `tacit.models.models.VAE`.
        form_: how rows become what it reads.
        history_: what was seen while it learned.

    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> vae = VAE(2, network="dense", min_updates=20, max_epochs=1, importance_samples=50).fit(X)
    >>> vae.score_samples(X[:5]).shape
    (5,)
    """

    @takes_former_names
    def __init__(
        self,
        n_components: int = 16,
        *,
        posterior: Literal["amortized", "per_image"] = "amortized",
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        sigma: float | None = 0.2,
        beta: float = 1.0,
        importance_samples: int = 200,
        posterior_steps: int = 300,
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
        self.posterior = posterior
        self.likelihood = likelihood
        self.sigma = sigma
        self.beta = beta
        self.importance_samples = importance_samples
        self.posterior_steps = posterior_steps
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
        posteriors = {"amortized": "amortized", "per_image": "per-image"}
        if self.posterior not in posteriors:
            raise ValueError(f"posterior is {self.posterior!r}; it is {' or '.join(posteriors)}")
        if self.early_stopping and self.posterior == "per_image":
            raise ValueError(
                "early_stopping is True, but with posterior 'per_image' rows held out have no "
                "code; it is for 'amortized'"
            )
        for name in ("importance_samples", "posterior_steps"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}; it is at least 1")
        x = self._checked(X, reset=True)
        form = self._form_of(x)
        config = self._configured(
            learn="vae",
            shape=form.shape,
            latent_dim=self.n_components,
            n_images=len(x) if self.posterior == "per_image" else 0,
            network=self._network(form),
            likelihood=self._likelihood(form.layout == "values"),
            posterior=posteriors[self.posterior],
        )
        self._learn(config, form, x, objective=ObjectiveTable(beta=self.beta))
        return self

    def _likelihood(self, values: bool) -> Any:
        if self.likelihood == "gaussian":
            return {
                "kind": "gaussian",
                "sigma": 0.2 if self.sigma is None else self.sigma,
                "learned": self.sigma is None,
                "link": "identity" if values else "sigmoid",
            }
        if self.likelihood != "bernoulli":
            raise ValueError(f"likelihood is {self.likelihood!r}; it is gaussian or bernoulli")
        if values:
            raise ValueError("likelihood 'bernoulli' is for images; rows of values are gaussian")
        return {"kind": "bernoulli"}

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Means of q(z | x), (n, n_components): the same row, the same code."""
        check_is_fitted(self, "model_")
        x = self._checked(X, reset=False)
        model = self._vae()
        if model.amortized:
            return self._through(model.encode, x)
        return self._posteriors(model, self._observed(model, self._tensor(x))).mean.numpy()

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """E[x | z] in the form of the training data, of codes, (n, n_components).

        Images come back as floats in [0, 1].
        """
        check_is_fitted(self, "model_")
        decoded = self._through(self._vae().decode, codes_of(self, X), codes=True)
        return self.form_.from_network(decoded)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """log p(x) of each row in nats, by importance sampling: a lower bound in expectation.

        Of rows of values it is the density of the values as they are given; of images, of pixels
        in [0, 1] (or with "bernoulli", the probability of black-and-white pixels). The noise
        belongs to the content of a row, and each row is evaluated by itself in float64: neither
        order nor company of the rows changes its number.
        """
        check_is_fitted(self, "model_")
        x = self._checked(X, reset=False)
        model = self._vae()
        data = self._observed(model, self._tensor(x))
        posteriors = None if model.amortized else self._posteriors(model, data)
        scores = np.empty(len(data))
        for i in range(len(data)):
            scores[i] = importance_sampling(
                model,
                from_encoder if posteriors is None else covering(_row(posteriors, i)),
                data.take(slice(i, i + 1)),
                n_samples=self.importance_samples,
                generator=torch_stream(0, "score"),
            ).log_prob[0]
        return scores + self.form_.log_jacobian

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of log p(x) over rows, in nats."""
        return float(self.score_samples(X).mean())

    def sample(
        self, n_samples: int = 1, *, noise: bool = False, random_state: Any = 0
    ) -> NDArray[np.float64]:
        """Rows in the form of the training data: E[x | z] with z from N(0, I).

        Args:
            n_samples: how many.
            noise: draw x from p(x | z) instead of taking its mean; pixels may then leave [0, 1].
            random_state: the same number, the same samples.
        """
        check_is_fitted(self, "model_")
        if n_samples < 1:
            raise ValueError(f"n_samples is {n_samples}; at least one row can be sampled")
        generator = torch_stream(seed_of(random_state), "sample")
        model = self._vae()
        with torch.no_grad():
            decoded = model.decoder(model.draw_prior(n_samples, generator))
            rows = model.likelihood
            x = rows.sample(decoded, generator) if noise else rows.mean(decoded)
        return self.form_.from_network(x.numpy())

    def _vae(self) -> models.VAE:
        model = self._exact()
        assert isinstance(model, models.VAE)
        return model

    def _observed(self, model: models.VAE, x: Tensor) -> Observed:
        pixels = None if self.form_.layout == "values" else (0.0, 1.0)
        return observe(model, x, torch_stream(0, "observe"), pixel_range=pixels)

    def _posteriors(self, model: models.VAE, data: Observed) -> DiagonalNormal:
        """Optimised posteriors, in chunks that are filled up to one size."""

        def refined(rows: slice) -> tuple[Tensor, Tensor]:
            part = data.take(rows)
            missing = REFINED_AT_ONCE - len(part)
            filled = Observed(
                torch.cat([part.x, part.x[:1].expand(missing, -1, -1, -1)]),
                part.keys + part.keys[:1] * missing,
            )
            q = refine(
                model,
                filled,
                start="prior",
                steps=self.posterior_steps,
                n_samples=1,
                generator=torch_stream(0, "posterior"),
            ).q
            return q.mean[: len(part)], q.log_var[: len(part)]

        return DiagonalNormal(*in_parts(refined, len(data), REFINED_AT_ONCE))

    @property
    def _n_features_out(self) -> int:
        return self.config_.latent_dim


def _row(q: DiagonalNormal, i: int) -> DiagonalNormal:
    return DiagonalNormal(q.mean[i : i + 1], q.log_var[i : i + 1])
