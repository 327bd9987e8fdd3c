"""Images that live on a device are the images."""

import numpy as np
import pytest
import torch

from tacit.images.dataset import Images
from tacit.streams import numpy_stream
from tacit.training import batches
from tacit.training.batches import Batches
from tacit.training.examples import Chosen
from tacit.training.resident import pixels_on, resident, scaled
from tacit.training.schedule import Schedule

CPU = torch.device("cpu")
PIXELS = numpy_stream(0, "pixels").integers(0, 256, (30, 3, 8, 8), dtype=np.uint8)
IMAGES = Images(PIXELS, np.arange(30) % 2, ("even", "odd"))
CHOSEN = Chosen(IMAGES, np.array([7, 3, 29, 3, 0]))


@pytest.mark.parametrize("examples", [IMAGES, CHOSEN], ids=["all", "chosen"])
def test_they_are_scaled_to_the_same_bits(examples) -> None:
    index = np.array([4, 0, 2])
    pixels = pixels_on(examples, CPU)
    assert pixels.dtype == torch.uint8
    assert torch.equal(
        scaled(pixels, torch.from_numpy(index)), torch.from_numpy(examples.scaled(index))
    )


def test_too_many_and_those_at_hand_already_stay_where_they_are(monkeypatch) -> None:
    assert resident(IMAGES, CPU) is None
    monkeypatch.setattr("tacit.training.resident.MOST_BYTES", 30 * 3 * 64 - 1)
    assert pixels_on(IMAGES, CPU) is None
    assert pixels_on(CHOSEN, CPU) is not None


def test_batches_are_the_same_wherever_the_images_live(monkeypatch) -> None:
    schedule = Schedule(30, 8, 8)
    at_hand = Batches(IMAGES, schedule, 0, CPU, None)
    monkeypatch.setattr(batches, "resident", pixels_on)
    living = Batches(IMAGES, schedule, 0, CPU, None)
    assert living.pixels is not None
    for epoch in range(2):
        for position in range(4):
            one, other = at_hand.at(epoch, position), living.at(epoch, position)
            for a, b in zip(one[:3], other[:3], strict=True):
                assert torch.equal(a, b)
            # A batch's index is a view of the epoch's order: no other comes from the host.
            assert other.index.untyped_storage().data_ptr() == living.rows.data_ptr()
