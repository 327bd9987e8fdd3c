"""What an encoder reads of pictures, for the tests beside this file."""

from pathlib import Path

import numpy as np

from tacit.encoders.base import About
from tacit.encoders.inputs import Inputs, lay_inputs, read_inputs
from tacit.images.dataset import Images, Split
from tacit.images.originals import Originals


def inputs_of(originals: Originals, about: About, folder: Path) -> Inputs:
    """Pictures as an encoder reads them."""
    images = Images(np.zeros((len(originals), 3, 4, 4), np.uint8), originals=originals)
    lay_inputs(folder, about, Split(images, images.take(np.arange(0))))
    return read_inputs(folder, about, len(originals))[0]
