"""tacit: learn what your images hold before you label them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tacit.estimators.autoencoder import Autoencoder as Autoencoder
    from tacit.estimators.classifier import Classifier as Classifier
    from tacit.estimators.vae import VAE as VAE
    from tacit.saved.trained import TrainedModel as TrainedModel
    from tacit.saved.trained import load as load

# Names at the top of the package and the module each is in; PyTorch loads with the first of them.
_PLACES = {
    "Autoencoder": "tacit.estimators.autoencoder",
    "Classifier": "tacit.estimators.classifier",
    "VAE": "tacit.estimators.vae",
    "TrainedModel": "tacit.saved.trained",
    "load": "tacit.saved.trained",
}

__all__ = ["VAE", "Autoencoder", "Classifier", "TrainedModel", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'tacit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
