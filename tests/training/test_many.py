"""Many rows through a network, some at a time, are all of them at once."""

import numpy as np
import pytest
import torch

from tacit.images.dataset import Images
from tacit.models.config import ModelConfig, build
from tacit.training.many import in_parts, of_images, of_rows


@pytest.mark.parametrize("n", [0, 1, 6, 7])
def test_what_is_made_is_put_together_whatever_it_is(n) -> None:
    values, tensor = np.arange(3 * n).reshape(n, 3), torch.arange(n)
    sizes = []

    def made(rows: slice) -> tuple:
        sizes.append(rows.stop - rows.start)
        return values[rows], {"tensor": tensor[rows], "both": (values[rows], tensor[rows])}

    array, named = in_parts(made, n, at_once=3)
    assert sizes == {0: [0], 1: [1], 6: [3, 3], 7: [3, 3, 1]}[n]
    np.testing.assert_array_equal(array, values)
    np.testing.assert_array_equal(named["both"][0], values)
    assert torch.equal(named["tensor"], tensor)
    assert torch.equal(named["both"][1], tensor)


def test_images_come_in_the_order_asked_for_and_never_too_many_at_once(monkeypatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 1, 4, 4), dtype=np.uint8)
    images = Images(pixels, np.arange(9) % 2, ("even", "odd"))
    index = np.array([8, 3, 3, 0, 5])
    monkeypatch.setattr("tacit.training.batches.PIXELS_AT_ONCE", 2 * 16 + 5)
    sizes = []

    def seen(batch):
        sizes.append(len(batch.x))
        assert not torch.is_grad_enabled()
        return batch.x, batch.index, batch.y

    x, rows, y = of_images(seen, images, index)
    assert sizes == [2, 2, 1]
    np.testing.assert_array_equal(x.numpy(), images.scaled(index))
    np.testing.assert_array_equal(rows.numpy(), index)
    np.testing.assert_array_equal(y.numpy(), index % 2)
    assert len(of_images(seen, images)[0]) == 9


@pytest.mark.parametrize("kind", ["conv", "pool", "dense"])
def test_of_no_images_a_network_makes_no_codes(kind) -> None:
    config = ModelConfig(
        learn="classifier", shape=(1, 8, 8), latent_dim=3, n_classes=2, network={"kind": kind}
    )
    model = build(config).eval()
    assert of_rows(model, torch.empty(0, 1, 8, 8)).shape == (0, 2)
    if kind != "pool":
        vae = build(config.model_copy(update={"learn": "vae"})).eval()
        assert of_rows(vae.decode, torch.empty(0, 3)).shape == (0, 1, 8, 8)
