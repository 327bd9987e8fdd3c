"""What the three estimators share: arrays in, one fit, float64 out."""

import math
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter, ValidationError
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from tacit.estimators.progress import Progress
from tacit.estimators.rows import Rows
from tacit.estimators.stopping import EarlyStopping, Enough, held_out
from tacit.images.values import Range, as_array, few_levels, unit_pixels
from tacit.models.config import ConvNetwork, DenseNetwork, ModelConfig, Network, build
from tacit.models.models import Model
from tacit.models.parts import freeze
from tacit.saved.about import About, Data, Estimator, array_sha256, measured_at
from tacit.saved.folder import Saved, load_saved, save
from tacit.saved.form import Form
from tacit.streams import seeded_initialisation
from tacit.studies.description.errors import errors_of
from tacit.training.devices import device_of
from tacit.training.examples import Chosen, Examples
from tacit.training.history import History
from tacit.training.loop import fit
from tacit.training.many import in_parts
from tacit.training.objectives import Objective, ObjectiveTable, objective_of, weighted
from tacit.training.schedule import Schedule

CHUNK = 256
"""Rows that go through a network at once."""

_NETWORK: TypeAdapter[Any] = TypeAdapter(Network)


class RowsEstimator(BaseEstimator):
    """Takes arrays (n, d), or images (n, h, w) or (n, h, w, c), and holds later ones to the first.

    Attributes:
        form_: how rows become what networks read.
    """

    form_: Form

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _checked(self, x: Any, y: Any = None, *, reset: bool) -> Any:
        """X (and y where it is given) as arrays, X in the form of the training data.

        Raises:
            ValueError, TypeError: as scikit-learn's estimators do.
        """
        if not hasattr(x, "ndim") or hasattr(x, "detach") or isinstance(x, np.ma.MaskedArray):
            x = as_array(x, "X")
        images = x.ndim in (3, 4)
        if not reset:
            self._check_kind(x, images)
        options: dict[str, Any] = {"reset": reset} if y is None else {"reset": reset, "y": y}
        if not images:
            return validate_data(self, x, dtype=np.float64, **options)
        x = unit_pixels(as_array(x, "X"), "X")
        shape = x.shape
        # scikit-learn's checks are for two dimensions.
        flat = x.reshape(len(x), math.prod(shape[1:]))
        checked = validate_data(self, flat, dtype=[np.uint8, np.float64, np.float32], **options)
        portions = (flat[start : start + CHUNK] for start in range(0, len(flat), CHUNK))
        if reset and (few := few_levels(map(Range(1, "").to_bytes, portions))):
            warnings.warn(few, stacklevel=3)
        if y is None:
            return checked.reshape(shape)
        return checked[0].reshape(shape), checked[1]

    def _check_kind(self, x: Any, images: bool) -> None:
        learned = self.form_.layout
        if images != (learned != "values"):
            raise ValueError(
                f"X has the shape {np.shape(x)}; this {type(self).__name__} was fitted on "
                f"{self.form_}"
            )
        if images and (given := Form.of_images(np.shape(x))).shape != self.form_.shape:
            raise ValueError(f"X is {given}; this {type(self).__name__} was fitted on {self.form_}")

    @staticmethod
    def _form_of(x: NDArray[Any]) -> Form:
        return Form.of_values(x) if x.ndim == 2 else Form.of_images(x.shape)


class NetworkEstimator(RowsEstimator):
    """Arrays (n, d), or images (n, h, w) or (n, h, w, c), through `tacit`'s models and its loop.

    Networks are trained in float32, on a device, and asked in float64 on the CPU, so that a row's
    result is the same, whatever other rows it comes with.
    """

    n_components: int
    network: Any
    max_epochs: int
    min_updates: int
    batch_size: int
    learning_rate: float
    device: str
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    random_state: Any
    verbose: int

    config_: ModelConfig
    model_: Model
    history_: History
    about_: About

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder of ``model.safetensors``, ``config.json`` and a model card, README.md.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: the folder holds other things.
        """
        check_is_fitted(self, "model_")
        included: Path | None = getattr(self, "_included", None)
        save(folder, Saved(self.model_, self.form_, self.about_, included))

    save = save_pretrained

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """The fitted estimator that was saved, or one made of a saved model of this kind.

        Raises:
            tacit.saved.folder.ModelFileError: the folder holds no such model, or a damaged one.
        """
        saved = load_saved(folder)
        return cls._of(saved, folder)

    @classmethod
    def _of(cls, saved: Saved, folder: str | Path) -> Self:
        kind = {"autoencoder": "Autoencoder", "vae": "VAE", "classifier": "Classifier"}
        found = kind.get(saved.about.model.learn, "tacit.load")
        if found != cls.__name__:
            raise ValueError(f"{folder} holds a model for {found}, not for {cls.__name__}")
        known = saved.about.estimator
        elsewhere = saved.about.encoder
        if known is None and elsewhere is not None:
            given: dict[str, Any] = {"encoder": elsewhere.source}
        else:
            given = known.parameters if known else {}
        estimator = cls(**given)
        estimator._become(saved)
        if elsewhere is None:
            estimator.n_features_in_ = math.prod(saved.form.shape)
        return estimator

    def _become(self, saved: Saved) -> None:
        """Take up what was learned."""
        self.form_, self.config_, self.model_ = (
            saved.form.channels_last,
            saved.about.model,
            saved.model,
        )
        self.about_ = saved.about.model_copy(update={"layout": self.form_.layout})
        if saved.encoder is not None:
            self._included = saved.encoder

    def _network(self, form: Form) -> Any:
        """The network table: dense for values and convolutional for images, unless it is said."""
        if self.network == "auto":
            return DenseNetwork() if form.layout == "values" else ConvNetwork()
        try:
            return _NETWORK.validate_python(self.network)
        except ValidationError as error:
            errors = "; ".join(errors_of(error, self.network)).replace("the file: ", "")
            raise ValueError(f"network: {errors}") from None

    def _configured(self, **settings: Any) -> ModelConfig:
        self._whole("n_components", 1)
        try:
            return ModelConfig(**settings)
        except ValidationError as error:
            errors = "; ".join(errors_of(error, settings))
            raise ValueError(errors.replace("latent_dim", "n_components")) from None

    def _learn(
        self,
        config: ModelConfig,
        form: Form,
        x: NDArray[Any],
        labels: NDArray[np.int64] | None = None,
        *,
        objective: ObjectiveTable | None = None,
        weights: NDArray[np.float64] | None = None,
        prepare: Callable[[Model], None] = lambda model: None,
        **about: Any,
    ) -> None:
        """Build the model, `prepare` it, train it, and keep what is known of it."""
        form.to_network(x[:1], np.float32)
        data = Data(
            source=f"an array of shape {x.shape}", n=len(x), sha256=array_sha256(form, x, labels)
        )
        examples = Rows(x, form, labels)
        self._train(
            config,
            form,
            examples,
            data,
            objective=objective,
            weights=weights,
            prepare=prepare,
            **about,
        )

    def _train(
        self,
        config: ModelConfig,
        form: Form,
        examples: Examples,
        data: Data,
        *,
        objective: ObjectiveTable | None = None,
        weights: NDArray[np.float64] | None = None,
        prepare: Callable[[Model], None] = lambda model: None,
        **about: Any,
    ) -> None:
        """As `_learn`, from any examples.

        data: what is kept of them.
        """
        given = self.device
        device = device_of(str(given) if isinstance(given, torch.device) else given)
        seed = seed_of(self.random_state)
        with seeded_initialisation(seed):
            model = build(config)
        prepare(model)
        model.to(device)
        objective = objective or ObjectiveTable()
        minimised = objective_of(config, objective)
        schedule, history = self._fit(
            model, minimised, examples, weights, seed, about.get("classes") or ()
        )
        freeze(model.cpu())
        training: dict[str, Any] = {
            "updates": history.evaluations[-1].update,
            "batch size": schedule.batch_size,
            "rate": schedule.rate,
            "seed": seed,
        }
        if config.learn == "vae":
            training["beta"] = objective.beta
        known = About(
            model=config,
            layout=form.layout,
            data=data,
            training=training,
            measured=measured_at(history),
            estimator=Estimator.model_validate(
                {"name": type(self).__name__, "parameters": self._plain_parameters()}
            ),
            **about,
        )
        self._become(Saved(model, form, known))
        self.history_ = history

    def _fit(
        self,
        model: Model,
        objective: Objective,
        examples: Examples,
        weights: NDArray[np.float64] | None,
        seed: int,
        classes: Sequence[Any],
    ) -> tuple[Schedule, History]:
        """Train the model, on all examples or until those held out say that it is enough.

        classes: their names, for messages.
        """
        if not self._stops_early():
            schedule = self._schedule(len(examples))
            shown = self._progress(schedule)
            minimised = _of_weight(objective, weights, model)
            return schedule, fit(
                model, minimised, examples, schedule, seed=seed, checkpointer=shown
            )
        parts = held_out(len(examples), self.validation_fraction, examples.labels, classes, seed)
        learned, held = (Chosen(examples, part) for part in parts)
        known = [None if weights is None else weights[part] for part in parts]
        if any(each is not None and not each.any() for each in known):
            raise ValueError("early_stopping: all rows held out, or all others, have the weight 0")
        schedule = self._schedule(len(learned))
        minimised = _of_weight(objective, known[0], model)
        shown, patience = self._progress(schedule), int(self.n_iter_no_change)
        stopping = EarlyStopping(objective, held, known[1], schedule, patience=patience, then=shown)
        with suppress(Enough):
            fit(model, minimised, learned, schedule, seed=seed, checkpointer=stopping)
        if shown is not None:
            shown.kept(stopping.best_update, stopping.last_update)
        self.validation_losses_ = stopping.losses
        self.n_iter_ = len(stopping.losses)
        return schedule, stopping.restore(model)

    def _stops_early(self) -> bool:
        """Whether rows are held out; where they are, the parameters that say how are seen to.

        Raises:
            ValueError: one cannot be.
        """
        if not isinstance(self.early_stopping, bool | np.bool_):
            raise ValueError(f"early_stopping is {self.early_stopping!r}; it is True or False")
        if self.early_stopping:
            self._whole("n_iter_no_change", 1)
        return bool(self.early_stopping)

    def _schedule(self, n: int) -> Schedule:
        for name in ("max_epochs", "min_updates", "batch_size"):
            self._whole(name, 1)
        rate = self.learning_rate
        if not (isinstance(rate, Real) and 0 < rate < math.inf):
            raise ValueError(f"learning_rate is {rate!r}; it is a positive number")
        updates = max(self.max_epochs * math.ceil(n / self.batch_size), self.min_updates)
        # A pass over few rows is an update or two: as many looks as there would be passes.
        every = math.ceil(updates / self.max_epochs)
        looks = {*range(every, updates, every), updates} if self.early_stopping else ()
        return Schedule(
            n_images=n,
            batch_size=int(self.batch_size),
            updates=int(updates),
            rate=float(self.learning_rate),
            evaluate_at=(int(updates),),
            snapshot_at=tuple(sorted(looks)),
        )

    def _whole(self, name: str, least: int) -> None:
        """See that a parameter is a whole number, and at least so large.

        Raises:
            ValueError: it is not.
        """
        value = getattr(self, name)
        if not isinstance(value, Integral) or value < least or (least and value is True):
            raise ValueError(f"{name} is {value!r}; it is a whole number of at least {least}")

    def _progress(self, schedule: Schedule) -> Progress | None:
        self._whole("verbose", 0)
        if not self.verbose:
            return None
        return Progress(type(self).__name__, schedule, every_epoch=self.verbose > 1)

    def _plain_parameters(self) -> dict[str, Any]:
        """Parameters as plain data; what is none (a generator, an estimator) is left out."""
        given = self.get_params(deep=False)
        return {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in given.items()
            if isinstance(value, str | int | float | dict | np.generic | type(None))
        }

    def _exact(self) -> Model:
        """The model in float64."""
        return deepcopy(self.model_).double()

    def _tensor(self, x: NDArray[Any]) -> Tensor:
        return torch.from_numpy(self.form_.to_network(x, np.float64))

    def _through(
        self, function: Callable[[Tensor], Tensor], x: NDArray[Any], *, codes: bool = False
    ) -> NDArray[np.float64]:
        """`function` of rows or of codes, in chunks, without gradient."""

        def made(rows: slice) -> Tensor:
            return function(torch.from_numpy(x[rows]) if codes else self._tensor(x[rows]))

        with torch.no_grad():
            return in_parts(made, len(x), CHUNK).numpy()


def _of_weight(
    objective: Objective, weights: NDArray[np.float64] | None, model: Model
) -> Objective:
    """The objective with the losses of rows times their weights, which are 1 in the mean."""
    if weights is None:
        return objective
    device = next(model.parameters()).device
    return weighted(objective, torch.from_numpy(weights / weights.mean()).to(device))


def seed_of(random_state: Any) -> int:
    """A seed from a parameter `random_state`: a number, a generator, or None for a new one.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(random_state, int | np.integer):
        if random_state < 0:
            raise ValueError(f"random_state is {random_state}; a number is at least 0")
        return int(random_state)
    if random_state is None:
        return int(np.random.default_rng().integers(2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))


def codes_of(estimator: NetworkEstimator, codes: ArrayLike) -> NDArray[np.float64]:
    """Codes to be decoded, (n, n_components).

    Raises:
        ValueError: another width.
    """
    array = np.asarray(codes, dtype=np.float64)
    width = estimator.config_.latent_dim
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f"codes have the shape {array.shape}; they are (n, {width})")
    return array
