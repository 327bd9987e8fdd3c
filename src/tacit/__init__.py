"""tacit: learn what your images hold before you label them.

Images
    open_images     a named set, a folder or a file, split into training and test images

scikit-learn estimators
    Autoencoder     codes from which images can be drawn again
    VAE             codes, samples, and log p(x) of every image
    Classifier      classes, from scratch or on an encoder that is given
    FewLabelClassifier
                    classes from a few labels (-1 for none) and many rows without

    PretrainedEncoder
                    features of pictures by an encoder from elsewhere, as it is

Trained models
    load            a `TrainedModel`: a run of a study, or a saved model;
                    images in, NumPy arrays out

How likely an image is
    importance_sampling, annealed_importance_sampling, from_encoder, LogProbEstimate

Studies
    run             do a study, as ``tacit run`` does; gives a `FinishedStudy`
    open_study      a `FinishedStudy` that was run before: findings, tables, figures, models
    Study, Run      a study as data: what a YAML file says

Packages show what they hold: ``tacit.images``, ``tacit.models`` (PyTorch modules),
``tacit.training`` (objectives and the loop), ``tacit.evidence``, ``tacit.measures``.
"""

import lazy_loader

from tacit._version import __version__ as __version__

# What stands in __init__.pyi; PyTorch loads with the first name that needs it.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
