"""The explorer: a study's trained networks in its page, as data and a little JavaScript."""

from typing import Literal

Size = Literal["full", "small", "none"]
"""Which explorer a page gets; see `making.make`."""
