"""scikit-learn's own checks: two are expected to fail, and say why."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from tacit.estimators.autoencoder import Autoencoder
from tacit.estimators.classifier import Classifier
from tacit.estimators.few_labels import FewLabelClassifier
from tacit.estimators.vae import VAE

# Small networks and few updates: the checks ask about behaviour, not about fits.
SMALL = {
    "n_components": 2,
    "network": {"kind": "dense", "hidden": [16]},
    "max_epochs": 1,
    "learning_rate": 0.01,
}


@parametrize_with_checks(
    [
        Autoencoder(**SMALL, min_updates=5),
        VAE(**SMALL, min_updates=5, importance_samples=4),
        VAE(**SMALL, min_updates=5, importance_samples=4, posterior="per_image", posterior_steps=4),
        Classifier(**SMALL | {"n_components": 8}, min_updates=60),
        FewLabelClassifier("features", "poisson"),
    ],
    expected_failed_checks=lambda estimator: (
        {"check_classifiers_classes": "it has labels -1 and 1; -1 stands for no label here"}
        if isinstance(estimator, FewLabelClassifier)
        else {
            "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 stands once in an "
            "epoch, and two rows twice: batches differ, as in any stochastic descent"
        }
        if isinstance(estimator, Classifier)
        else {}
    ),
)
def test_scikit_learns_checks(estimator, check) -> None:
    check(estimator)
