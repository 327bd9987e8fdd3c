"""What is raised when images that a user named cannot be used."""

from collections.abc import Sequence
from typing import Literal


class ImagesError(ValueError):
    """Images cannot be used as they are; the message names which, why, and what can be done."""


_LISTED = 1_000


class UnreadableImagesError(ImagesError):
    """Some image files of a folder cannot be read.

    Attributes:
        files: name and reason of every one of them.
    """

    def __init__(self, files: Sequence[tuple[str, str]], n_images: int) -> None:
        self.files = tuple(files)
        lines = "".join(f"\n  {name}: {reason}" for name, reason in self.files[:_LISTED])
        if len(self.files) > _LISTED:
            lines += f"\n  and {len(self.files) - _LISTED:,} more"
        super().__init__(
            f"{len(self.files):,} of {n_images:,} images cannot be read; mend or remove them, "
            f"or leave them out with skip_bad (--skip-bad):{lines}"
        )


class UnlikeImagesError(ImagesError):
    """Images of a folder that differ in size or channels.

    Attributes:
        size, channels: what they could be made alike with.
    """

    def __init__(self, message: str, size: int, channels: Literal["gray", "rgb"]) -> None:
        self.size, self.channels = size, channels
        super().__init__(message)


class EncoderError(ImagesError):
    """An encoder from elsewhere that cannot be used; the message says why and what would work."""


class ClusterLost(Exception):
    """A cluster that does not answer any more; the message says which.

    What was finished is kept, and the same study goes on where it stopped.
    """
