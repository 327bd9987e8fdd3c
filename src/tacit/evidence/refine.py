"""Test-time inference: each image's own posterior, optimised against the frozen decoder."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tacit.evidence.elbo import elbo
from tacit.evidence.observed import (
    MIB,
    Noise,
    Observed,
    check_positive,
    draw_root,
    frozen,
    observed_from,
    rows_within,
)
from tacit.evidence.proposals import from_encoder, from_prior
from tacit.models.models import VAE
from tacit.models.posteriors import DiagonalNormal
from tacit.progress import part_by_part, tell, within
from tacit.streams import torch_stream

Array = NDArray[np.float64]
Start = Literal["encoder", "prior"] | DiagonalNormal

TOLERANCE = 0.5
"""Nats that an image may lack, unless said otherwise."""
MOST_STEPS = 1200
"""Gradients that an image may take, unless said otherwise."""
BETAS = (0.9, 0.99)
FIRST_RATE, LAST_RATE = 0.3, 0.03
PERIOD = 24
"""Steps whose noise is drawn together; an even number, so that noise comes in ± pairs."""
DECAY = 7 * PERIOD
"""Steps in which the rate goes from the first to the last. Measured on convolutional decoders of
MNIST with 200 dimensions: with 96 of them looks ended half a nat lower than the steps alone, with
168 a third of a nat higher."""
AVERAGING = 0.97
SELECTION_SAMPLES = 16

LOOKS = (32, 64, 128, 128)
"""± pairs of noise of each look at the slope, until an image is found to lack little enough."""
CURVATURE_PAIRS = 1
MOST_SOLVED = 40
"""Conjugate gradients of one look. An image that needs more is far, and is looked at again."""
PRODUCT = 2
"""What a product with the curvature costs at one code, in gradients: three codes are decoded, and
one of them is traced back."""
STEP = 0.1
"""Standard deviations to either side, between which a decoder's slope is taken."""
SMALLEST_RATIO = 0.05
TINY = 1e-30
STEPS_SHARE = 0.3
"""Of the work of an image, roughly, is the steps; a look or two is the rest."""
PARTS = (1.0, 0.3, 0.1)
"""Shares of a step that are tried in turn, until the bound does not fall."""


@dataclass(frozen=True, eq=False)
class Refined:
    """Posteriors that were optimised per image.

    Attributes:
        mean, log_var: of q(z | x) = N(mean, diag(exp(log_var))), (B, D), without gradient.
        elbo: nats per image, (B,), on noise that neither optimisation nor selection saw.
        standard_error: of `elbo`, (B,).
        trace: one-sample estimates of the ELBO before each step, and then its bound on the common
            noise after each look, (T, B); noisy per image, to be averaged over images.
        steps: how many gradients of log p(x | z) each image took, (B,).
        missing: how far the ELBO is below that of the best diagonal normal in reach, at most, in
            nats, (B,): see `refine`. NaN where no look was taken, as in fixed-steps mode.
        converged: whether `missing` is within the tolerance, (B,).
        start: which of the starts was selected, (B,).
    """

    mean: Tensor
    log_var: Tensor
    elbo: Array
    standard_error: Array
    trace: Array
    steps: NDArray[np.int64]
    missing: Array
    converged: NDArray[np.bool_]
    start: NDArray[np.int64]

    @property
    def q(self) -> DiagonalNormal:
        """The posterior, batch shape (B,), event shape (D,)."""
        return DiagonalNormal(self.mean, self.log_var)

    def __len__(self) -> int:
        return len(self.elbo)

    def __str__(self) -> str:
        return (
            f"refined posteriors of {len(self):,} images: mean ELBO {self.elbo.mean():.2f} nats; "
            f"steps: median {np.median(self.steps):.0f}, most {self.steps.max()}; "
            f"within the tolerance of their optimum: {self.converged.sum()} of {len(self)}"
        )


def refine(
    model: VAE,
    x: Tensor | Observed,
    *,
    start: Start = "encoder",
    steps: int | None = None,
    tolerance: float = TOLERANCE,
    max_steps: int = MOST_STEPS,
    rate: float = 0.05,
    n_starts: int = 1,
    n_samples: int = 64,
    generator: torch.Generator,
    memory: int = 512 * MIB,
) -> Refined:
    """max over (mean, log_var) of E_q log p(x | z) - KL(q ‖ N(0, I)), for each image by itself.

    With `steps`, row-wise Adam makes the same number of steps for every image at a constant rate,
    one reparameterised sample a step, its noise used with both signs in turn so that it cancels in
    the gradient of the mean, and the last iterate is the answer: train and test images can be
    treated alike. Without, 168 such steps at a falling rate lead into the neighbourhood of the
    optimum. There an image is looked at: the slope g of its ELBO is measured on 32 pairs of noise
    (then on 64, and on 128 from then on), and H p = g is solved by conjugate gradients, H the
    ELBO's curvature in the means with the decoder taken as linear around each code (Gauss-Newton).
    With r what p leaves, it lacks

        missing ≤ ½ gᵀp + ½ ‖r‖² + Σ_d ½ (y_d - 1 - log y_d),    y_d = variance_d · precision_d,

    by the means, as H ⪰ I wherever log p(x | decoded) is concave in what is decoded (the prior
    alone has I), and by the variances, each towards one over its expected precision. Exact where
    log p(x | z) is quadratic, and elsewhere as far as it is over the posterior's width. What noise
    adds to the slope's square is taken off, as two halves of the noise tell it, and its standard
    error is added. An image that lacks at most `tolerance` is done; all take the step, shortened by
    the noise's share of it, if their bound on common noise does not fall. Of another optimum, out
    of reach, it says nothing. (With the curvature of log p(x | z) itself, by differences of
    gradients, conjugate gradients did not end on the kinks of decoders of 200 dimensions.)
    Cremer, Li and Duvenaud 2018 call the answer the locally optimal q*. That slopes on noise in
    pairs serve second-order methods is Giordano, Ingram and Broderick 2024's observation.

    The model is frozen: its parameters stay as they are to the bit, and get no gradient.

    Args:
        x: images in [0, 1], (B, C, H, W), or `observe(model, images, generator)`.
        start: "encoder", "prior" (mean 0, log-variance 0), or a posterior per image.
        steps: the fixed number of steps; None to go on until little is missing.
        tolerance: nats that an image may lack.
        max_steps: gradients of an image, at most; one that still lacks more is not converged.
        rate: Adam's, with `steps`; as in training by default.
        n_starts: further starts draw their means from N(0, I), at log-variance 0; the best of an
            image's starts on the common noise is its answer.
        n_samples: per image, for the reported ELBO.
        memory: bytes for decoding.

    Raises:
        ValueError: where x or a number cannot be used.
        TypeError: for start="encoder" where the model has none.
    """
    check_positive(max_steps=max_steps, n_starts=n_starts, n_samples=n_samples)
    if steps is not None:
        check_positive(steps=steps)
    if not (tolerance > 0 and rate > 0):
        raise ValueError(f"`tolerance` is {tolerance} and `rate` {rate}; both are positive")
    root = draw_root(generator)
    with frozen(model):
        data = observed_from(model, x, root)
        with torch.no_grad():
            begin = _starts(model, data, start, n_starts, root)
        rows = rows_within(model, memory, gradients=True)
        at_once = max(1, rows // n_starts)
        parts = []
        for first in part_by_part(range(0, len(data), at_once)):
            part = slice(first, first + at_once)
            ascent = _Ascent(model, data.take(part), begin[:, :, part], root, rows)
            if steps is None:
                ascent.until_found(tolerance, max_steps)
            else:
                ascent.exactly(steps, rate)
            parts.append(ascent.best_starts())
    parameters = torch.cat([part[0] for part in parts], dim=1)
    longest = max(len(part[1]) for part in parts)
    trace = np.concatenate(
        [np.pad(part[1], ((0, longest - len(part[1])), (0, 0)), mode="edge") for part in parts],
        axis=1,
    )
    taken, missing, chosen = (np.concatenate([part[i] for part in parts]) for i in (2, 3, 4))
    converged = missing <= tolerance
    q = DiagonalNormal(parameters[0], parameters[1])
    report = elbo(
        model, q, data, n_samples=n_samples, generator=torch_stream(root, "report"), memory=memory
    )
    return Refined(
        mean=parameters[0],
        log_var=parameters[1],
        elbo=report.elbo,
        standard_error=report.standard_error,
        trace=trace,
        steps=taken,
        missing=missing,
        converged=converged,
        start=chosen,
    )


def _starts(model: VAE, data: Observed, start: Start, n_starts: int, root: int) -> Tensor:
    """(mean, log_var) of every start of every image, (2, n_starts, B, D)."""
    if isinstance(start, DiagonalNormal):
        if start.mean.shape != (len(data), model.latent_dim):
            raise ValueError(
                f"`start` has means of shape {tuple(start.mean.shape)}; "
                f"{len(data)} images of {model.latent_dim} latent dimensions need one row each"
            )
        q = start
    elif start in ("encoder", "prior"):
        make = from_encoder if start == "encoder" else from_prior
        q = make(model, data.x).components[0]
    else:
        raise ValueError(f"`start` is {start!r}; it is 'encoder', 'prior' or a DiagonalNormal")
    first = torch.stack([q.mean, q.log_var]).detach().to(data.x)
    others = Noise(root, "starts", data.keys, data.x).normal(n_starts - 1, model.latent_dim)
    others = torch.stack([others, torch.zeros_like(others)])
    return torch.cat([first[:, None], others], dim=1)


class _Look(NamedTuple):
    """What rows lack, (rows,) nats, and the step to their optimum, of mean and log_var."""

    missing: Array
    step: Tensor


class _Ascent:
    """The ascent of the ELBO of rows, one row for each start of each image.

    Rows are independent: each has its own moments and noise, and leaves when it is done.

    at_once: codes to be decoded together, at most (but one for each row).
    """

    def __init__(self, model: VAE, data: Observed, begin: Tensor, root: int, at_once: int) -> None:
        _, self.n_starts, n_images, latent_dim = begin.shape
        n_rows = self.n_starts * n_images
        self.model = model
        self.at_once = at_once
        self.x = data.x.repeat(self.n_starts, 1, 1, 1)
        keys = tuple(f"{key}/{start}" for start in range(self.n_starts) for key in data.keys)
        self.noise = Noise(root, "refine", keys, data.x)
        # All starts of an image are compared on the same noise.
        common = Noise(root, "selection", data.keys, data.x)
        half = _standardised(common.normal(SELECTION_SAMPLES // 2, latent_dim))
        self.common = torch.cat([half, -half]).repeat(1, self.n_starts, 1)
        self.rows = np.arange(n_rows)
        self.now = begin.reshape(2, n_rows, latent_dim).clone()
        self.average = self.now.clone()
        self.first_moment = torch.zeros_like(self.now)
        self.second_moment = torch.zeros_like(self.now)
        self.answer = self.now.clone()
        self.bound = np.full(n_rows, -np.inf)
        self.missing = np.full(n_rows, np.nan)
        self.taken = np.zeros(n_rows, dtype=np.int64)
        self.trace: list[Array] = []

    def exactly(self, n_steps: int, rate: float) -> None:
        """`n_steps` at a constant rate for every row."""
        self._advance(n_steps, lambda step: rate)
        self.answer = self.now
        if self.n_starts > 1:
            self.bound = self._bounds(self.answer)

    def until_found(self, tolerance: float, max_steps: int) -> None:
        """Steps, then looks, until every row lacks at most `tolerance`, or took `max_steps`."""

        def rate(step: int) -> float:
            return FIRST_RATE * (LAST_RATE / FIRST_RATE) ** min(1, step / DECAY)

        begun, self.bound = self.now, self._bounds(self.now)
        with within(0, STEPS_SHARE):
            self._advance(min(DECAY, max_steps), rate)
        bound = self._bounds(self.average)
        self.now = torch.where(self._mask(bound > self.bound), self.average, begun)
        self.bound = np.maximum(bound, self.bound)
        self.answer = self.now.clone()
        for n_pairs in chain(LOOKS, repeat(LOOKS[-1])):
            left = max_steps - int(self.taken[self.rows].max(initial=0)) - 2 * n_pairs
            if not len(self.rows) or left < 4 * PRODUCT * CURVATURE_PAIRS:
                break
            look = self._look(n_pairs, tolerance, left)
            self.missing[self.rows] = look.missing
            self._move(look)
            self.answer[:, self.rows] = self.now
            self.trace.append(self.bound.copy())
            self._keep(~(look.missing <= tolerance))
            waiting = 1 - self.taken[self.rows] / max_steps
            tell(1 - (1 - STEPS_SHARE) * float(waiting.sum()) / len(self.taken))

    def _look(self, n_pairs: int, tolerance: float, left: int) -> _Look:
        """See `refine`; `left` gradients are left for the curvature."""
        mean, log_var = self.now
        sd = torch.exp(0.5 * log_var)
        halves = []
        for _ in range(2):
            noise = _balanced(self.noise.normal(n_pairs // 2, mean.shape[-1]), sd)
            halves.append(self._slopes(mean, sd, noise))
        few = torch.cat([noise[:CURVATURE_PAIRS], -noise[:CURVATURE_PAIRS]])
        slope, slope_var = 0.5 * (halves[0] + halves[1])
        apart, apart_var = 0.5 * (halves[0] - halves[1])

        def curved(direction: Tensor) -> Tensor:
            """H · direction, in standard deviations."""
            return self._bent(mean + sd * few, sd, direction) + sd.square() * direction

        most = min(MOST_SOLVED, left // (2 * PRODUCT * len(few)))
        step, remainder, n_solved = _solved(curved, slope, sd, tolerance, most)
        gain = 0.5 * (slope * step).sum(dim=-1)
        # Conjugate gradients come from below: no more is taken off than what noise adds.
        of_noise, _, n_more = _solved(curved, apart, sd, tolerance, most)
        noise_gain = 0.5 * (apart * of_noise).sum(dim=-1)
        ratio = (1 - 2 * slope_var).clamp_min(SMALLEST_RATIO)
        gain_var = 0.5 * (ratio - 1 - ratio.log()).sum(dim=-1)
        noise_var = (apart_var / ratio).square().sum(dim=-1)
        signal, signal_var = (gain - noise_gain).clamp_min(0), (gain_var - noise_var).clamp_min(0)
        # Var(g₁ g₂) = s⁴ where halves g₁, g₂ have variance s², and E (½ (g₁ - g₂))⁴ = ¾ s⁴.
        squared = apart.square().sum(dim=-1)
        error = (4 / 3 * apart.pow(4).sum(dim=-1)).sqrt() * noise_gain / squared.clamp_min(TINY)
        error_var = (4 / 3 * (apart_var / ratio).pow(4).sum(dim=-1)).sqrt()
        missing = signal + remainder + signal_var + torch.hypot(error, error_var)
        move = (signal / gain.clamp_min(TINY))[:, None] * sd * step
        move_var = (signal_var / gain_var.clamp_min(TINY))[:, None] * -ratio.log().clamp_max(3)
        products = (n_solved + n_more).cpu().numpy()
        self.taken[self.rows] += 2 * n_pairs + PRODUCT * len(few) * products
        return _Look(missing.double().cpu().numpy(), torch.stack([move, move_var]))

    def _move(self, look: _Look) -> None:
        """Each row's step, shortened until its bound does not fall by what noise cannot explain."""
        begun, before = self.now, self.bound[self.rows]
        least = before - 0.5 * np.minimum(look.missing, 1)
        waiting = np.ones(len(self.rows), dtype=np.bool_)
        for part in PARTS:
            tried = begun + part * look.step
            bound = self._bounds(tried)
            taken = waiting & (bound > least)
            self.now = torch.where(self._mask(taken), tried, self.now)
            self.bound[self.rows[taken]] = bound[taken]
            waiting &= ~taken
            if not waiting.any():
                break

    def _slopes(self, mean: Tensor, sd: Tensor, noise: Tensor) -> Tensor:
        """The ELBO's slopes in the mean, per standard deviation, and in log_var, (2, rows, D)."""
        up, down = self._pull(mean, sd, noise), self._pull(mean, sd, -noise)
        slope = sd * (0.5 * (up + down).mean(dim=0) - mean)
        spread = 0.5 * sd * ((up - down) * noise).mean(dim=0)
        return torch.stack([slope, 0.5 * (spread + 1 - sd.square())])

    def _pull(self, mean: Tensor, sd: Tensor, noise: Tensor) -> Tensor:
        """∂ log p(x | z) / ∂z at z = mean + sd · noise; noise and result (n, rows, D)."""
        pulls = []
        for part in noise.split(max(1, self.at_once // len(self.rows))):
            z = (mean + sd * part).requires_grad_()
            log_likelihood = self.model.likelihood.log_prob(self.x, self.model.decoder(z))
            pulls += torch.autograd.grad(log_likelihood.sum(), z)
        return torch.cat(pulls)

    def _bent(self, z: Tensor, sd: Tensor, direction: Tensor) -> Tensor:
        """-∂² log p(x | z) / ∂z² · direction, the decoder taken as linear, in standard deviations.

        The mean over z of the generalised Gauss-Newton product: positive semidefinite wherever
        log p(x | decoded) is concave in what is decoded (Schraudolph 2002).

        z: (n, rows, D). direction and result: (rows, D).
        """
        length = direction.norm(dim=-1, keepdim=True).clamp_min(TINY)
        ahead = STEP / length * sd * direction
        total = torch.zeros_like(direction)
        for part in z.split(max(1, self.at_once // len(self.rows))):
            with torch.no_grad():
                apart = self.model.decoder(part + ahead) - self.model.decoder(part - ahead)
            part = part.detach().requires_grad_()
            decoded = self.model.decoder(part)
            at = decoded.detach().requires_grad_()
            log_likelihood = self.model.likelihood.log_prob(self.x, at)
            (slope,) = torch.autograd.grad(log_likelihood.sum(), at, create_graph=True)
            (bent,) = torch.autograd.grad(slope, at, apart)
            total -= torch.autograd.grad(decoded, part, bent)[0].sum(dim=0)
        return length / (2 * STEP * len(z)) * sd * total

    def _advance(self, n_steps: int, rate: Callable[[int], float]) -> None:
        """`n_steps` for the rows that are left."""
        for begun in range(0, n_steps, PERIOD):
            noise = self.noise.normal(PERIOD // 2, self.now.shape[-1])
            for step in range(min(PERIOD, n_steps - begun)):
                sign = 1 if step % 2 == 0 else -1
                self._step(sign * noise[step // 2], rate(len(self.trace)))
            tell(min(begun + PERIOD, n_steps) / n_steps)
        self.taken[self.rows] += n_steps

    def _step(self, noise: Tensor, rate: float) -> None:
        mean, log_var = self.now
        spread = torch.exp(0.5 * log_var) * noise
        z = (mean + spread).requires_grad_()
        log_likelihood = self.model.likelihood.log_prob(self.x, self.model.decoder(z))
        (pull,) = torch.autograd.grad(log_likelihood.sum(), z)
        kl = DiagonalNormal(mean, log_var).kl_to_standard().sum(dim=-1)
        self.trace.append((log_likelihood.detach() - kl).double().cpu().numpy())
        # By z = mean + exp(½ log_var) ε and the KL's own derivatives.
        gradient = torch.stack([pull - mean, 0.5 * (pull * spread + 1 - log_var.exp())])
        self.first_moment.lerp_(gradient, 1 - BETAS[0])
        self.second_moment.lerp_(gradient.square(), 1 - BETAS[1])
        first = self.first_moment / (1 - BETAS[0] ** len(self.trace))
        second = self.second_moment / (1 - BETAS[1] ** len(self.trace))
        self.now = self.now + rate * first / (second.sqrt() + 1e-8)
        self.average.lerp_(self.now, 1 - AVERAGING)

    def _bounds(self, parameters: Tensor) -> Array:
        """The ELBO of each row on the common noise, (rows,)."""
        q = DiagonalNormal(*parameters)
        total = torch.zeros(len(self.x), dtype=torch.float64)
        with torch.no_grad():
            for noise in self.common.split(max(1, self.at_once // len(self.x))):
                z = q.mean + torch.exp(0.5 * q.log_var) * noise
                log_likelihood = self.model.likelihood.log_prob(self.x, self.model.decoder(z))
                total += log_likelihood.double().sum(dim=0).cpu()
            kl = q.kl_to_standard().sum(dim=-1).double().cpu()
        return (total / len(self.common) - kl).numpy()

    def _mask(self, rows: NDArray[np.bool_]) -> Tensor:
        """Which rows, to choose between parameters, (2, rows, D)."""
        return torch.from_numpy(rows).to(self.x.device)[None, :, None]

    def _keep(self, keep: NDArray[np.bool_]) -> None:
        index = torch.from_numpy(keep.nonzero()[0])
        self.rows = self.rows[keep]
        self.x = self.x[index]
        self.common = self.common[:, index]
        self.noise = self.noise.take(index.tolist())
        self.now = self.now[:, index]

    def best_starts(self) -> tuple[Tensor, Array, NDArray[np.int64], Array, NDArray[np.int64]]:
        """Of each image's best start: parameters, trace, steps, what it lacks, which it is."""
        n_images = len(self.bound) // self.n_starts
        chosen = self.bound.reshape(self.n_starts, n_images).argmax(axis=0)
        rows = chosen * n_images + np.arange(n_images)
        trace = np.stack(self.trace)[:, rows]
        return self.answer[:, rows], trace, self.taken[rows], self.missing[rows], chosen


def _solved(
    curved: Callable[[Tensor], Tensor], slope: Tensor, sd: Tensor, tolerance: float, most: int
) -> tuple[Tensor, Tensor, Tensor]:
    """p of H p = slope by conjugate gradients, row by row, in standard deviations.

    Their p is orthogonal to what they leave, r, so that gᵀH⁻¹g = gᵀp + rᵀH⁻¹r, at most gᵀp + ‖r‖².
    They end where that matters little beside the gain, or beside `tolerance`.

    Returns p, (rows, D); ½ ‖r‖² in the means' own units, (rows,) nats; each row's products.
    """
    p, r, direction = torch.zeros_like(slope), slope, slope
    squared = r.square().sum(dim=-1)
    going = squared > 0
    products = torch.zeros_like(squared, dtype=torch.int64)
    for n in range(most + 1):
        gain = 0.5 * (slope * p).sum(dim=-1)
        remainder = 0.5 * (r / sd).square().sum(dim=-1)
        going = going & (remainder > 0.2 * gain.clamp_min(tolerance))
        if n == most or not going.any():
            break
        products += going
        product = curved(direction)
        along = (direction * product).sum(dim=-1)
        # Flat as far as can be seen: what is left counts as missing.
        going = going & (along > 0)
        length = torch.where(going, squared / along.clamp_min(TINY), 0.0)[:, None]
        p, r = p + length * direction, r - length * product
        new = r.square().sum(dim=-1)
        direction = r + (new / squared.clamp_min(TINY))[:, None] * direction
        squared = new
    return p, remainder, products


def _standardised(noise: Tensor) -> Tensor:
    """Noise in ± pairs, of which (n, rows, D) are given, of variance exactly 1."""
    return noise * noise.square().mean(dim=0).clamp_min(TINY).rsqrt()


def _balanced(noise: Tensor, sd: Tensor) -> Tensor:
    """Noise in ± pairs with second moments of exactly 1, and 0 between the informed dimensions.

    What a code's dimensions do to one another then cancels from the slope in log_var as far as
    log p(x | z) is quadratic. Informed are those of the smallest standard deviations, three for
    four of the n pairs.

    noise: (n, rows, D). sd: (rows, D).
    """
    noise = _standardised(noise)
    n, _, latent_dim = noise.shape
    informed = sd.argsort(dim=-1)[:, : min(latent_dim, 3 * n // 4)].expand(n, -1, -1)
    own = noise.gather(2, informed).transpose(0, 1)
    factor = torch.linalg.cholesky(own.mT @ own / n)
    white = torch.linalg.solve_triangular(factor.mT, own, upper=True, left=False)
    return noise.scatter(2, informed, white.transpose(0, 1))
