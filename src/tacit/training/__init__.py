"""How it is learned: per-image objectives, a schedule, and the only loop."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
