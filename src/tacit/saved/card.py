"""The model card: what a model is, what it learned from, how it did, how it is used."""

import json

from tacit import __version__
from tacit.models.config import BernoulliTable, GaussianTable, ModelConfig, PerImageTable
from tacit.saved.about import About, Measured


def card(about: About) -> str:
    """README.md of a model folder."""
    config = about.model
    lines = [
        "---",
        "library_name: tacit",
        f"tags: {json.dumps(['representation-learning', config.learn])}",
        "---",
        f"# {_title(config)}",
        "",
        _formula(config),
        "",
        f"Saved by tacit {__version__}. `config.json` holds its configuration and the checksums "
        "of both files; nothing in this folder is a pickle.",
        "",
        "## What it learned from",
        "",
        f"{about.data.n:,} examples: {about.data.source}. SHA-256 of what they hold: "
        f"`{about.data.sha256}`.",
        "",
        *_inputs(about),
        *(_classes(about) if about.classes else []),
        "## How it was trained",
        "",
        *[f"- {name}: {value}" for name, value in about.training.items()],
        "",
        "## How it measured",
        "",
        *_table(about.measured),
        "",
        "## How to use it",
        "",
        "```python",
        *_use(about),
        "```",
        "",
    ]
    return "\n".join(lines)


def _title(config: ModelConfig) -> str:
    if config.features is not None:
        return f"Classifier on {config.latent_dim:,} features of an encoder from elsewhere"
    what = {
        "autoencoder": "Autoencoder",
        "vae": "VAE",
        "classifier": "Classifier",
        "contrastive": "Contrastive encoder",
    }[config.learn]
    channels, height, width = config.shape
    size = f"{width} values" if height == 1 and channels == 1 else f"{height}×{width}"
    return f"{what} of {size} with a code of {config.latent_dim} numbers"


def _formula(config: ModelConfig) -> str:
    if config.learn == "classifier" and config.features is not None:
        return "p(y | picture) = softmax(head(features(picture)))."
    if config.learn == "classifier":
        return "p(y | x) = softmax(head(encoder(x)))."
    if config.learn == "autoencoder":
        return "x ≈ decoder(encoder(x)), trained for the squared error."
    if config.learn == "contrastive":
        return (
            "codes = encoder(x), trained so that projector(codes) of two views of an image agree; "
            "the projector is no part of the code."
        )
    likelihood, posterior = config.likelihood, config.posterior
    if isinstance(likelihood, GaussianTable):
        sigma = "σ learned" if likelihood.learned else f"σ = {likelihood.sigma:g}"
        given = f"Gaussian with {sigma} on the network's scale"
    else:
        assert isinstance(likelihood, BernoulliTable)
        given = f"Bernoulli (grey pixels: {likelihood.binarize})"
    inferred = (
        "codes are optimised image by image, without an encoder"
        if isinstance(posterior, PerImageTable)
        else "one encoder infers all codes"
    )
    return f"p(x, z) = N(z; 0, I) p(x | decoder(z)); p(x | z) is {given}; {inferred}."


def _inputs(about: About) -> list[str]:
    channels, height, width = about.model.shape
    if (known := about.encoder) is not None:
        where = (
            f"Its files are in the folder `encoder`: {', '.join(known.included)}."
            if known.included
            else "Its files are not in this folder; any that would give other features are refused."
        )
        return [
            "Inputs are pictures of any size, as they are. Features are made of them by the "
            f"encoder **{known.name}** ({known.what}), which stays as it is. {where}",
            "",
            f"- features: {known.n_features:,}",
            f"- reads: {known.reads}",
            f"- licence: {known.licence}",
            f"- trained on: {known.trained_on}",
            f"- SHA-256: `{known.sha256}`",
            "",
        ]
    if about.layout == "values":
        return [
            f"Inputs are rows of {width} values, standardised by the mean and standard deviation "
            "of the training rows, which are stored with the weights.",
            "",
        ]
    return [
        f"Inputs are images of {height}×{width} with {channels} channel"
        f"{'' if channels == 1 else 's'}: uint8, or floats in [0, 1].",
        "",
    ]


def _classes(about: About) -> list[str]:
    return [f"Classes: {', '.join(map(str, about.classes))}.", ""]


def _table(measured: tuple[Measured, ...]) -> list[str]:
    if not measured:
        return ["Nothing was measured on images that were kept apart."]
    rows = [
        f"| {m.split} | {m.term} | {m.value:.5g} | {m.standard_error:.2g} | {m.n:,} |"
        for m in measured
    ]
    return [
        "After the last update; terms are means per example, in nats where they are logarithms of "
        "probabilities.",
        "",
        "| split | term | mean | standard error | n |",
        "| --- | --- | --- | --- | --- |",
        *rows,
    ]


def _use(about: About) -> list[str]:
    if about.estimator is not None:
        name = about.estimator.name
        method = {"Autoencoder": "transform", "VAE": "score_samples", "Classifier": "predict"}[name]
        return [
            "import tacit",
            "",
            f'model = tacit.{name}.from_pretrained("this-folder")',
            f"model.{method}(X)",
        ]
    call = {
        "autoencoder": "encode",
        "vae": "log_prob",
        "classifier": "predict",
        "contrastive": "encode",
    }
    return [
        "import tacit",
        "",
        'model = tacit.load("this-folder")',
        f"model.{call[about.model.learn]}(images)",
    ]
