"""Estimators that hold another one in a parameter, and leave the one that they were given alone."""

from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator


class Holding(BaseEstimator):
    """Keeps what a held estimator learned when it is cloned; sets parameters in a clone of it.

    Attributes:
        held: the name of the parameter; its value may be a list.
    """

    held: ClassVar[str]

    def __sklearn_clone__(self) -> Self:
        cloned: Self = super().__sklearn_clone__()
        setattr(cloned, self.held, kept(getattr(self, self.held)))
        return cloned

    def set_params(self, **params: Any) -> Self:
        """Set parameters; those of what is held (``NAME__…``) in a clone of it, not fitted.

        Raises:
            ValueError: there is no such parameter, or nothing held that could be fitted anew.
        """
        prefix = f"{self.held}__"
        nested = {n.removeprefix(prefix): n for n in params if n.startswith(prefix)}
        if not nested:
            return super().set_params(**params)
        given = params.get(self.held, getattr(self, self.held))
        values = {own: params.pop(name) for own, name in nested.items()}
        if isinstance(given, FrozenEstimator):  # which a clone would be itself
            held: Any = FrozenEstimator(given.estimator)
        elif isinstance(given, BaseEstimator):
            held = clone(given)
        else:
            raise ValueError(
                f"{', '.join(nested.values())}: {self.held} is {called(given)}, which has no such "
                "parameters; give an estimator, such as an Autoencoder, a VAE or a Classifier"
            )
        held.set_params(**values)
        return super().set_params(**params | {self.held: held})


def kept(given: Any) -> Any:
    """What is held by a clone: what has learned as it is, and clones of other estimators."""
    if isinstance(given, list | tuple):
        return type(given)([kept(one) for one in given])
    if isinstance(given, BaseEstimator) and not hasattr(given, "model_"):
        return clone(given)  # of one that is frozen, itself
    return given


def called(given: Any) -> str:
    """What is held, in words."""
    return "None" if given is None else f"a {type(given).__name__}"
