"""What the page says of how a study was set."""

from tacit.studies.description.spec import Run
from tacit.studies.provenance import _differences


def told(**settings: object) -> str:
    return _differences(Run.model_validate({"learn": "vae", **settings}))


def test_what_differs_from_the_defaults_is_told_and_nothing_else() -> None:
    assert told() == "learn: vae"
    assert told(latent_dim=3, betas=[0.7, 0.9]) == "learn: vae, latent_dim: 3, betas: 0.7, 0.9"


def test_a_part_says_its_kind_and_a_layer_that_is_left_out() -> None:
    assert "network: conv, hidden none" in told(network={"kind": "conv", "hidden": None})
    assert "posterior: per-image, updates 5" in told(posterior={"kind": "per-image", "updates": 5})
